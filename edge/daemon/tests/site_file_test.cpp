#include "edge/daemon/site_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace alarmwire::edge {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SiteFile : public ::testing::Test {
 protected:
  SiteFile() { std::filesystem::create_directories(folder_); }
  ~SiteFile() override { std::filesystem::remove_all(folder_); }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    const auto all = with_site_devices(configured_, folder_);
    for (const smtp::DeviceEntry& entry : all->entries())
      found.push_back(entry.name + " " + entry.network + entry.mac);
    return found;
  }
  static std::shared_ptr<const Devices> configured() {
    Devices devices;
    EXPECT_TRUE(devices.add({"gate", "192.168.1.9", "", "", {}}));
    EXPECT_TRUE(devices.add({"roof", "", "00:40:8c:12:34:56", "", {}}));
    return std::make_shared<const Devices>(devices);
  }

  const std::string folder_ = ::testing::TempDir() + "site_" + std::to_string(::getpid());
  const std::shared_ptr<const Devices> configured_ = configured();
};

TEST_F(SiteFile, DevicesStandBehindThoseOfTheConfiguration) {
  EXPECT_EQ(with_site_devices(configured_, folder_), configured_) << "none was kept";
  provisioning::SiteDocument document;
  document.ticket.emplace().secret.bytes.fill(3);
  document.network.lan = provisioning::PortSettings{"192.168.1.2/24", 7};
  document.network.gateway = "192.168.1.1";
  document.devices = {{"yard", "192.168.1.10", ""},
                      {"gate", "192.168.1.77", ""},
                      {"other roof", "", "00:40:8c:12:34:56"},
                      {"also gate", "192.168.1.9", ""}};
  ASSERT_TRUE(keep_site(folder_, document));
  EXPECT_THAT(names(), ::testing::ElementsAre("gate 192.168.1.9", "roof 00:40:8c:12:34:56",
                                              "yard 192.168.1.10", "also gate 192.168.1.9"))
      << "by name and mac the configuration counts";
  const auto all = with_site_devices(configured_, folder_);
  const auto address = boost::asio::ip::make_address("192.168.1.9");
  EXPECT_EQ(all->find(address, {}).name, "gate") << "by address too";

  std::ifstream file(folder_ + "/site.toml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, Not(HasSubstr("ALARMWIRE:"))) << "the ticket is not kept";
  EXPECT_THAT(text, HasSubstr("vlan = 7")) << "for the image";
  struct stat facts {};
  ASSERT_EQ(::stat((folder_ + "/site.toml").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
}

TEST_F(SiteFile, ADamagedFileCostsItsDevicesOnly) {
  for (const char* const text : {"[[device]]\nname = ", "ticket = 1\n", "\xff"}) {
    std::ofstream(folder_ + "/site.toml") << text;
    EXPECT_EQ(with_site_devices(configured_, folder_), configured_) << text;
  }
}

TEST_F(SiteFile, AFolderThatCannotBeWrittenIsSaidSo) {
  EXPECT_FALSE(keep_site(folder_ + "/gone", {}));
}

}  // namespace
}  // namespace alarmwire::edge
