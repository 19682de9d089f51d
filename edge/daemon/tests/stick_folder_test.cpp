#include "edge/daemon/stick_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace alarmwire::edge {
namespace {

namespace fs = std::filesystem;
using provisioning::site_document_bytes_max;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string ticket_text() {
  provisioning::Ticket ticket;
  ticket.secret.bytes.fill(9);
  ticket.centre.bytes.fill(7);
  ticket.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  ticket.endpoints = {*tunnel::EndpointName::parse("192.0.2.1:51820")};
  return provisioning::format_ticket(ticket).value();
}

class StickFolder : public ::testing::Test {
 protected:
  StickFolder() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ + "/sda1");
    fs::create_directories(elsewhere_);
  }
  ~StickFolder() override {
    fs::remove_all(folder_);
    fs::remove_all(elsewhere_);
  }
  std::string path(const std::string& name) const { return folder_ + "/sda1/" + name; }
  static void write(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Of the one stick that is there.
  StickFinding look() const {
    const std::vector<StickSight> sights = look_for_sticks({folder_});
    EXPECT_THAT(sights, SizeIs(1));
    if (sights.empty()) return {};
    EXPECT_EQ(sights.front().folder, folder_ + "/sda1");
    return sights.front().finding;
  }
  std::string refusal() const {
    const StickFinding finding = look();
    EXPECT_FALSE(finding.document);
    return finding.refusal;
  }

  const std::string folder_ = ::testing::TempDir() + "sticks_" + std::to_string(::getpid());
  const std::string elsewhere_ = ::testing::TempDir() + "not_a_stick_" + std::to_string(::getpid());
};

TEST_F(StickFolder, ATicketIsReadHoweverItWasSaved) {
  std::string lower = ticket_text();
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  std::string utf16 = "\xff\xfe";
  for (const char c : ticket_text() + "\r\n") utf16 += {c, '\0'};
  for (const std::string& bytes :
       {ticket_text(), "\xef\xbb\xbf" + ticket_text() + "  \r\n\r\n", lower, utf16}) {
    write(path("alarmwire-ticket.txt"), bytes);
    const StickFinding finding = look();
    EXPECT_EQ(finding.file, "alarmwire-ticket.txt");
    ASSERT_TRUE(finding.document) << finding.refusal;
    EXPECT_EQ(finding.document->ticket->secret.bytes[0], 9);
  }
}

TEST_F(StickFolder, ADocumentGoesBeforeABareTicket) {
  write(path("alarmwire-ticket.txt"), "no ticket");
  write(path("alarmwire.toml"), "ticket = \"" + ticket_text() +
                                    "\"\n[network.lan]\naddress = \"dhcp\"\n[[device]]\nname = "
                                    "\"gate\"\naddress = \"192.168.1.9\"\n");
  EXPECT_EQ(look().file, "alarmwire.toml");
  EXPECT_THAT(look().document->devices, SizeIs(1));
  fs::rename(path("alarmwire.toml"), path("alarmwire.toml.txt"));
  EXPECT_EQ(look().file, "alarmwire.toml.txt") << "Windows hides endings";
  write(path("alarmwire.toml.txt"), "ticket = \"" + ticket_text() + "\"\nlan = 1\n");
  EXPECT_THAT(refusal(), HasSubstr("alarmwire.toml.txt:2:1: unknown key \"lan\""));
}

TEST_F(StickFolder, NothingIsThereOnAnEmptyStickAndInAMissingFolder) {
  write(path("photo.jpg"), "x");
  EXPECT_THAT(look_for_sticks({folder_, folder_ + "/gone"}), IsEmpty());
}

TEST_F(StickFolder, LinksAreNotFollowed) {
  write(elsewhere_ + "/secret", ticket_text());
  fs::create_symlink(elsewhere_ + "/secret", path("alarmwire-ticket.txt"));
  EXPECT_THAT(refusal(), HasSubstr("it is a link"));
  fs::remove_all(folder_ + "/sda1");
  fs::create_directory_symlink(elsewhere_, folder_ + "/sda1");
  fs::rename(elsewhere_ + "/secret", elsewhere_ + "/alarmwire-ticket.txt");
  EXPECT_THAT(look_for_sticks({folder_}), IsEmpty()) << "nor is a link to a folder";
}

TEST_F(StickFolder, WhatIsNoPlainFileIsRefusedAtOnce) {
  fs::create_directory(path("alarmwire.toml"));
  EXPECT_THAT(refusal(), HasSubstr("it is a folder"));
  fs::remove(path("alarmwire.toml"));
  ASSERT_EQ(::mkfifo(path("alarmwire.toml").c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("no plain file")) << "and nobody waits for its other end";
}

TEST_F(StickFolder, HugeFilesAreNotRead) {
  write(path("alarmwire-ticket.txt"), "");
  fs::resize_file(path("alarmwire-ticket.txt"), std::uintmax_t{1} << 40);  // a hole
  EXPECT_THAT(refusal(), HasSubstr("larger than 256 KiB"));
  write(path("alarmwire-ticket.txt"), std::string(site_document_bytes_max, ' '));
  EXPECT_THAT(refusal(), HasSubstr("too long for a ticket"));
}

TEST_F(StickFolder, OtherBytesAreRefusedWithTheirPlace) {
  write(path("alarmwire.toml"),
        "# S\xfc"
        "d\n");
  EXPECT_THAT(refusal(), HasSubstr("line 1, column 4: this character is not UTF-8"));
  write(path("alarmwire.toml"), std::string("\x7f"
                                            "ELF\0\0\1",
                                            7));
  EXPECT_THAT(refusal(), HasSubstr("no text"));
  write(path("alarmwire.toml"), "a = " + std::string(3000, '['));
  EXPECT_THAT(refusal(), HasSubstr("alarmwire.toml:1:"));
}

TEST_F(StickFolder, ManyFilesAndFoldersCostLittle) {
  for (int i = 0; i < 3000; ++i) write(path(std::to_string(i)), "");
  for (int i = 0; i < 100; ++i) {
    const std::string below = folder_ + "/x" + std::to_string(i);
    fs::create_directory(below);
    write(below + "/alarmwire-ticket.txt", ticket_text());
  }
  EXPECT_THAT(look_for_sticks({folder_}), SizeIs(::testing::Le(stick_subfolders_max)));
}

TEST_F(StickFolder, TheResultIsWrittenWholeAndReplaced) {
  ASSERT_TRUE(write_stick_result(folder_ + "/sda1", "first, and longer"));
  ASSERT_TRUE(write_stick_result(folder_ + "/sda1", "second"));
  EXPECT_EQ(read(path(stick_result_file)), "second");
  EXPECT_FALSE(fs::exists(path("alarmwire-result.txt.new")));
}

TEST_F(StickFolder, ALinkInTheWayOfTheResultLeadsNowhere) {
  write(elsewhere_ + "/precious", "kept");
  for (const char* const name : {"alarmwire-result.txt", "alarmwire-result.txt.new"})
    fs::create_symlink(elsewhere_ + "/precious", path(name));
  ASSERT_TRUE(write_stick_result(folder_ + "/sda1", "verdict"));
  EXPECT_EQ(read(elsewhere_ + "/precious"), "kept");
  EXPECT_FALSE(fs::is_symlink(path(stick_result_file)));
  EXPECT_EQ(read(path(stick_result_file)), "verdict");
}

TEST_F(StickFolder, AResultThatCannotBeWrittenIsAFailureAndNoMore) {
  EXPECT_FALSE(write_stick_result(folder_ + "/gone", "verdict"));
  fs::create_directories(path("alarmwire-result.txt/full"));
  EXPECT_FALSE(write_stick_result(folder_ + "/sda1", "verdict"));
  EXPECT_FALSE(fs::exists(path("alarmwire-result.txt.new"))) << "nothing half is left";
}

}  // namespace
}  // namespace alarmwire::edge
