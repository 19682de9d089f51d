#include "common/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace alarmwire::config {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

Reader read(std::string_view text) {
  return parse(text, "box.toml").value();
}

std::string complaint(Reader& reader) {
  const Status status = reader.finish();
  return status.has_error() ? status.error().diagnostics : "";
}

TEST(Config, ReadsEveryType) {
  Reader reader = read(R"(
    name = "site-a"
    zones = ["internal", "lan"]
    [limits]
    sessions = 200
    strict = true
    idle = "5m"
    mail = "25MiB"
    mode = "assured"
  )");
  Table root = reader.root();
  EXPECT_EQ(root.required_string("name"), "site-a");
  EXPECT_THAT(root.strings("zones", {}), ElementsAre("internal", "lan"));
  Table limits = root.table("limits");
  EXPECT_TRUE(limits.exists());
  EXPECT_EQ(limits.integer("sessions", 1, 1, 1000), 200);
  EXPECT_TRUE(limits.boolean("strict", false));
  EXPECT_EQ(limits.duration("idle", 1s, 1s, 1h), 5min);
  EXPECT_EQ(limits.size("mail", 1, 1, 1ull << 40), 25u * 1024 * 1024);
  EXPECT_EQ(limits.choice("mode", 0, {"pass-through", "assured"}), 1u);
  EXPECT_EQ(complaint(reader), "");
}

TEST(Config, AbsentKeysAndTablesTakeTheDefaults) {
  Reader reader = read("");
  Table smtp = reader.root().table("smtp");
  EXPECT_FALSE(smtp.exists());
  EXPECT_FALSE(smtp.has("x"));
  EXPECT_EQ(smtp.string("listen", "[::]:25"), "[::]:25");
  EXPECT_EQ(smtp.integer("sessions", 7, 1, 9), 7);
  EXPECT_EQ(smtp.table("deeper").duration("idle", 3s, 1s, 9s), 3s);
  EXPECT_TRUE(smtp.tables("listener").empty());
  EXPECT_EQ(complaint(reader), "");
}

TEST(Config, NamesAnUnknownKeyItsPlaceAndWhatWasMeant) {
  Reader reader = read("[smtp]\nmax_sesions = 3\n");
  reader.root().table("smtp").integer("max_sessions", 1, 1, 9);
  EXPECT_EQ(complaint(reader),
            R"(box.toml:2:1: unknown key "max_sesions", did you mean "max_sessions"?)");
}

TEST(Config, SuggestsNothingWhereNothingIsNear) {
  Reader reader = read("colour = 3\n");
  reader.root().string("listen", "");
  EXPECT_EQ(complaint(reader), R"(box.toml:1:1: unknown key "colour")");
}

TEST(Config, FindsUnknownKeysInListsOfTables) {
  Reader reader = read("[[peer]]\nname = \"a\"\n[[peer]]\nnmae = \"b\"\n");
  for (Table& peer : reader.root().tables("peer")) peer.string("name", "");
  EXPECT_EQ(complaint(reader), R"(box.toml:4:1: unknown key "nmae", did you mean "name"?)");
}

TEST(Config, AnUnknownTableIsOneProblemAndAnIgnoredOneNone) {
  Reader unknown = read("[tunnel]\na = 1\nb = 2\n");
  unknown.root();
  EXPECT_EQ(complaint(unknown), R"(box.toml:1:2: unknown key "tunnel")");
  Reader ignored = read("[tunnel]\na = 1\nb = 2\n");
  ignored.root().ignore("tunnel");
  EXPECT_EQ(complaint(ignored), "");
}

TEST(Config, CollectsAllProblemsInOrderOfTheirPlaces) {
  Reader reader = read("a = 5\nb = \"x\"\nc = 900\nd = 1.5\n");
  Table root = reader.root();
  root.integer("c", 0, 1, 10);
  root.integer("d", 0, 1, 10);
  root.string("a", "");
  root.boolean("b", false);
  EXPECT_EQ(complaint(reader),
            "box.toml:1:1: a: must be a string: \"…\"\n"
            "box.toml:2:1: b: must be true or false\n"
            "box.toml:3:1: c: must be from 1 to 10\n"
            "box.toml:4:1: d: must be a whole number");
}

TEST(Config, StopsCollectingAtALimit) {
  std::string text;
  for (int i = 0; i < 70; ++i) text += "k" + std::to_string(i) + " = 1\n";
  Reader reader = read(text);
  EXPECT_THAT(complaint(reader), HasSubstr("… and 20 more"));
}

TEST(Config, ATimeNeedsItsUnit) {
  for (const char* const bad : {"5", "\"5\"", "\"s\"", "\"-5s\"", "\"5 s\"", "\"5sec\"", "\"1.5s\"",
                                "\"99999999999999999999d\"", "\"9223372036854775807d\"", "true"}) {
    Reader reader = read(std::string("idle = ") + bad);
    EXPECT_EQ(reader.root().duration("idle", 7s, 1s, 9s), 7s) << bad;
    EXPECT_THAT(complaint(reader), HasSubstr("a time with its unit")) << bad;
  }
  Reader out_of_bounds = read("idle = \"2d\"");
  EXPECT_EQ(out_of_bounds.root().duration("idle", 7s, 500ms, 90s), 7s);
  EXPECT_THAT(complaint(out_of_bounds), HasSubstr("must be from 500ms to 90s"));
}

TEST(Config, ASizeIsBytesOrHasABinaryUnit) {
  Reader reader = read("a = 70000\nb = \"64KiB\"\nc = \"1MB\"\nd = -1\ne = \"2GiB\"\n");
  Table root = reader.root();
  EXPECT_EQ(root.size("a", 1, 1, 1 << 20), 70000u);
  EXPECT_EQ(root.size("b", 1, 1, 1 << 20), 65536u);
  EXPECT_EQ(root.size("c", 1, 1, 1 << 20), 1u);
  EXPECT_EQ(root.size("d", 1, 1, 1 << 20), 1u);
  EXPECT_EQ(root.size("e", 1, 1024, 1 << 20), 1u);
  const std::string text = complaint(reader);
  EXPECT_THAT(text, HasSubstr("box.toml:3:1: c: must be a size"));
  EXPECT_THAT(text, HasSubstr("box.toml:4:1: d: must be a size"));
  EXPECT_THAT(text, HasSubstr("box.toml:5:1: e: must be from 1KiB to 1MiB"));
}

TEST(Config, AChoiceSuggestsTheWordMeant) {
  Reader reader = read("reply = \"assurred\"");
  EXPECT_EQ(reader.root().choice("reply", 1, {"assured", "pass-through"}), 1u);
  EXPECT_EQ(complaint(reader),
            R"(box.toml:1:1: reply: must be one of "assured", "pass-through", not "assurred")"
            R"(, did you mean "assured"?)");
}

TEST(Config, ARequiredStringIsThereAndNotEmpty) {
  Reader reader = read("[[box]]\n[[box]]\nid = \"\"\n[[box]]\nid = 5\n");
  for (Table& box : reader.root().tables("box")) box.required_string("id");
  EXPECT_EQ(complaint(reader),
            "box.toml:1:1: box[0].id: is missing\n"
            "box.toml:3:1: box[1].id: must not be empty\n"
            "box.toml:5:1: box[2].id: must be a string: \"…\"");
}

TEST(Config, ProblemsOfAReaderStandAtTheirKey) {
  Reader reader = read("\nlisten = \"nonsense\"\n");
  Table root = reader.root();
  root.string("listen", "");
  root.problem("listen", "is no address");
  EXPECT_EQ(complaint(reader), "box.toml:2:1: listen: is no address");
}

TEST(Config, SyntaxErrorsCarryTheirPlace) {
  const Result<Reader> broken = parse("a = 1\nb = = 2\n", "box.toml");
  ASSERT_TRUE(broken.has_error());
  EXPECT_THAT(broken.error().diagnostics, HasSubstr("box.toml:2:5: "));
}

TEST(Config, BoundsWhatItReads) {
  EXPECT_TRUE(parse(std::string(file_size_max + 1, ' '), "x").has_error());
  EXPECT_TRUE(parse("a" + std::string(20'000, ' ') + "= 1", "x").has_error());
  std::string deep;
  for (int i = 0; i < 4000; ++i) deep += "a.";
  EXPECT_NO_THROW(static_cast<void>(parse(deep + "a = 1", "x")));
}

class ConfigFiles : public ::testing::Test {
 protected:
  ConfigFiles() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "box.d");
  }
  ~ConfigFiles() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("config_test_" + std::to_string(::getpid()));
  std::string file_ = (folder_ / "box.toml").string();
};

TEST_F(ConfigFiles, DropInsReplaceScalarsMergeTablesAndAppendListsOfTables) {
  put("box.toml", "zones = [\"a\"]\n[smtp]\nx = 1\ny = 1\n[[peer]]\nname = \"a\"\n");
  put("box.d/20-b.toml", "[smtp]\ny = 3\n");
  put("box.d/10-a.toml", "zones = [\"b\"]\n[smtp]\ny = 2\nz = 2\n[[peer]]\nname = \"b\"\n");
  put("box.d/README", "not read");
  Reader reader = load(file_).value();
  Table root = reader.root();
  EXPECT_THAT(root.strings("zones", {}), ElementsAre("b"));
  Table smtp = root.table("smtp");
  EXPECT_EQ(smtp.integer("x", 0, 0, 9), 1);
  EXPECT_EQ(smtp.integer("y", 0, 0, 9), 3);
  EXPECT_EQ(smtp.integer("z", 0, 0, 9), 2);
  std::vector<std::string> names;
  for (Table& peer : root.tables("peer")) names.push_back(peer.string("name", ""));
  EXPECT_THAT(names, ElementsAre("a", "b"));
  EXPECT_EQ(complaint(reader), "");
}

TEST_F(ConfigFiles, AProblemNamesTheDropInItStandsIn) {
  put("box.toml", "[smtp]\nx = 1\n");
  put("box.d/10-a.toml", "\n\n[smtp]\nx = 99\n");
  Reader reader = load(file_).value();
  reader.root().table("smtp").integer("x", 0, 0, 9);
  EXPECT_THAT(complaint(reader), HasSubstr("box.d/10-a.toml:4:1: smtp.x: must be from 0 to 9"));
}

TEST_F(ConfigFiles, AMissingFileIsAFailureThatNamesIt) {
  const Result<Reader> missing = load(file_);
  ASSERT_TRUE(missing.has_error());
  EXPECT_THAT(missing.error().diagnostics, HasSubstr("box.toml: No such file"));
}

TEST_F(ConfigFiles, AFolderInPlaceOfTheFileIsAFailure) {
  std::filesystem::create_directories(file_);
  EXPECT_TRUE(load(file_).has_error());
}

}  // namespace
}  // namespace alarmwire::config
