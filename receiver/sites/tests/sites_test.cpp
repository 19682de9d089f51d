#include "receiver/sites/sites.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "receiver/sites/address.hpp"

namespace alarmwire::sites {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Box make_box(const std::string& id) {
  return default_box(id);
}

Sites two_boxes() {
  Box a = make_box("site-a");
  a.bindings = {{"cam1@site-a.internal", "cam1@site-a.internal"},
                {"yard@shared.internal", "Quelle17@ebues.internal"}};
  Box b = make_box("site-b");
  b.bindings = {{"cam1@site-b.internal", "cam1@site-b.internal"},
                {"guest@site-a.internal", "guest@ebues-b.internal"},
                {"door@site-b.internal", "door@site-a.internal"}};
  return Sites::make({a, b}).value();
}

std::vector<std::string> to(const Sites& sites, const std::string& box,
                            const std::string& written) {
  return sites.route(box, "cam1@" + box + ".internal", {written}).recipients;
}

TEST(Route, BoundAddressGoesToItsEbuesAddress) {
  const Sites sites = two_boxes();
  EXPECT_THAT(to(sites, "site-a", "cam1@site-a.internal"), ElementsAre("cam1@site-a.internal"));
  EXPECT_THAT(to(sites, "site-a", "YARD@Shared.Internal"), ElementsAre("Quelle17@ebues.internal"));
  EXPECT_FALSE(sites.route("site-a", "", {"yard@shared.internal"}).unassigned);
}

TEST(Route, OwnDomainGoesAsItIs) {
  const Sites sites = two_boxes();
  EXPECT_THAT(to(sites, "site-a", "Cam99@SITE-A.internal"), ElementsAre("Cam99@site-a.internal"));
}

TEST(Route, AnothersAddressIsUnassignedHere) {
  const Sites sites = two_boxes();
  const char* const unassigned = "unassigned@site-a.internal";
  for (const char* written :
       {"cam1@site-b.internal", "CAM1@SITE-B.INTERNAL", "other@site-b.internal",
        "guest@site-a.internal" /* bound to b */, "GUEST@site-a.internal",
        "door@site-a.internal" /* b's address at EBÜS */, "Door@Site-A.internal",
        "yard@elsewhere.internal", "unassigned@site-b.internal", "box@site-b.internal"}) {
    EXPECT_THAT(to(sites, "site-a", written), ElementsAre(unassigned)) << written;
    EXPECT_TRUE(sites.route("site-a", "", {written}).unassigned) << written;
  }
}

TEST(Route, SenderCannotBeForged) {
  const Sites sites = two_boxes();
  const auto sender = [&sites](const char* written) {
    return sites.route("site-a", written, {"cam1@site-a.internal"}).sender;
  };
  EXPECT_EQ(sender("cam1@site-a.internal"), "cam1@site-a.internal");
  EXPECT_EQ(sender("yard@shared.internal"), "Quelle17@ebues.internal");
  EXPECT_EQ(sender("cam1@site-b.internal"), "unassigned@site-a.internal");
  EXPECT_EQ(sender("box@centre.internal"), "unassigned@site-a.internal");
  EXPECT_EQ(sender("a@b> SIZE=1\r\nRCPT TO:<c@d"), "unassigned@site-a.internal");
  EXPECT_EQ(sender(""), "box@site-a.internal");
}

TEST(Route, HostileRecipientsNeverComeOut) {
  const Sites sites = two_boxes();
  for (const std::string& written :
       {std::string(), std::string("a\r\nDATA@site-a.internal"),
        std::string("\"x\"@site-a.internal"), std::string("@site-b.internal:cam1@site-a.internal"),
        std::string("cam1%site-b.internal@site-a.internal"),
        std::string("k\xc3\xa4mera@site-a.internal"), std::string(10'000, 'x') + "@site-a.internal",
        std::string("cam1@site-a.internal,cam1@site-b.internal")})
    EXPECT_THAT(to(sites, "site-a", written), ElementsAre("unassigned@site-a.internal"));
}

TEST(Route, DuplicatesAreMergedInOrder) {
  const Route route = two_boxes().route(
      "site-a", "",
      {"x@y", "cam1@site-a.internal", "z@y", "CAM1@site-a.internal", "b@site-a.internal"});
  EXPECT_THAT(route.recipients, ElementsAre("unassigned@site-a.internal", "cam1@site-a.internal",
                                            "b@site-a.internal"));
  EXPECT_TRUE(route.unassigned);
}

TEST(Route, NoRecipientIsUnassigned) {
  const Route route = two_boxes().route("site-a", "", {});
  EXPECT_THAT(route.recipients, ElementsAre("unassigned@site-a.internal"));
  EXPECT_TRUE(route.unassigned);
}

TEST(Route, BoxNotInTheBookKeepsToItself) {
  const Sites sites = two_boxes();
  EXPECT_THAT(to(sites, "gone", "cam@gone.internal"), ElementsAre("cam@gone.internal"));
  EXPECT_THAT(to(sites, "gone", "cam1@site-a.internal"), ElementsAre("unassigned@gone.internal"));
  Box c = make_box("site-c");
  c.domain = "gone.internal";
  c.unassigned = "unassigned@gone.internal";
  c.fault_address = "box@gone.internal";
  const Sites taken = Sites::make({c}).value();
  EXPECT_THAT(to(taken, "gone", "cam@gone.internal"),
              ElementsAre("unassigned@gone.unknown-box.internal"));
}

// The promise itself, over all pairs: what box A can write never comes out as B's.
TEST(Route, NothingThatOneBoxWritesComesOutAsAnothers) {
  const Sites sites = two_boxes();
  std::vector<std::string> all;
  for (const Box& box : sites.boxes()) {
    all.insert(all.end(), {box.unassigned, box.fault_address, "new@" + box.domain});
    for (const Binding& binding : box.bindings)
      all.insert(all.end(), {binding.device, binding.ebues});
  }
  std::map<std::string, std::string> seen;  // address at EBÜS → the box that reached it
  for (const Box& box : sites.boxes()) {
    for (const std::string& written : all) {
      const Route route = sites.route(box.id, written, {written});
      for (const std::string& address : {route.sender, route.recipients.front()}) {
        const auto [other, is_new] = seen.emplace(parse_address(address)->folded(), box.id);
        EXPECT_EQ(other->second, box.id) << address << " written as " << written;
      }
    }
  }
}

TEST(Sites, TheCentreIsAlwaysThere) {
  EXPECT_TRUE(Sites().knows("centre"));
  EXPECT_TRUE(two_boxes().knows("centre"));
  EXPECT_EQ(Sites().box("centre").fault_address, "box@centre.internal");
}

TEST(Sites, ListsWhatBelongsToABox) {
  const Box box = two_boxes().box("site-b");
  ASSERT_EQ(box.bindings.size(), 3u);
  EXPECT_EQ(box.bindings[0].device, "cam1@site-b.internal");
}

TEST(Sites, ConflictsAreErrors) {
  const auto why = [](std::vector<Box> boxes) {
    const auto sites = Sites::make(std::move(boxes));
    return sites ? std::string() : sites.error().diagnostics;
  };
  Box a = make_box("site-a");
  Box b = make_box("site-b");
  EXPECT_EQ(why({a, b}), "");
  EXPECT_THAT(why({a, a}), HasSubstr("twice"));
  b.domain = "SITE-A.internal";
  EXPECT_THAT(why({a, b}), HasSubstr("belongs to box 'site-a'"));
  b = make_box("site-b");
  b.bindings = {{"unassigned@site-a.internal", "unassigned@site-a.internal"}};
  EXPECT_THAT(why({a, b}), HasSubstr("bound to box 'site-a'"));
  a.bindings = {{"x@shared.internal", "one@ebues.internal"}};
  b.bindings = {{"X@shared.internal", "two@ebues.internal"}};
  EXPECT_THAT(why({a, b}), HasSubstr("bound to box 'site-a'"));
  b.bindings = {{"y@shared.internal", "ONE@ebues.internal"}};
  EXPECT_THAT(why({a, b}), HasSubstr("bound to box 'site-a'"));
  b.bindings = {{"y@shared.internal", "two@ebues.internal"}};
  EXPECT_EQ(why({a, b}), "");
}

}  // namespace
}  // namespace alarmwire::sites
