#include "provisioning/qr/label_sheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/files.hpp"
#include "provisioning/qr/qr_photo.hpp"

namespace alarmwire::qr {
namespace {

using ::testing::HasSubstr;

constexpr int dots_an_inch = 150;
constexpr int label_width_dots = 105 * dots_an_inch * 10 / 254;
constexpr int label_height_dots = 297 * dots_an_inch * 10 / 254 / 4;

class LabelSheet : public ::testing::Test {
 protected:
  LabelSheet() {
    std::string pattern = ::testing::TempDir() + "labelsXXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~LabelSheet() override { std::filesystem::remove_all(folder_); }

  void print(const std::vector<Label>& labels, int first_place = 1) {
    const Result<std::string> pdf = to_label_sheet(labels, first_place);
    ASSERT_TRUE(pdf) << pdf.error().diagnostics;
    std::ofstream(folder_ + "/sheet.pdf", std::ios::binary) << *pdf;
  }
  std::string run(const std::string& command) const {
    FILE* const out = ::popen(command.c_str(), "r");
    std::string said;
    std::array<char, 4096> piece{};
    for (std::size_t n = 0; (n = std::fread(piece.data(), 1, piece.size(), out)) > 0;)
      said.append(piece.data(), n);
    EXPECT_EQ(::pclose(out), 0) << command;
    return said;
  }
  // As a printer prints it, as a phone sees one of its labels.
  std::string read_label(int page, int place) const {
    const int x = (place - 1) % 2 * label_width_dots;
    const int y = (place - 1) / 2 * label_height_dots;
    run("pdftoppm -png -singlefile -r " + std::to_string(dots_an_inch) + " -f " +
        std::to_string(page) + " -x " + std::to_string(x) + " -y " + std::to_string(y) + " -W " +
        std::to_string(label_width_dots) + " -H " + std::to_string(label_height_dots) + " " +
        folder_ + "/sheet.pdf " + folder_ + "/label");
    const Result<std::string> text = read_photo(read_file(folder_ + "/label.png").value());
    return text ? *text : "(" + text.error().diagnostics + ")";
  }
  std::string words() const { return run("pdftotext -layout " + folder_ + "/sheet.pdf -"); }

  static Label label(const std::string& site) {
    return {
        site, "Werk Süd", "2026-12-01 18:00",
        "ALARMWIRE:040G2081040G20810G5H6JP0R3GE7AYXXQ5B2TQXXBTJVVNAEB55JN8BGNDA9MN8HRG3RF" + site};
  }
  std::string folder_;
};

TEST_F(LabelSheet, ThePrintedCodeIsTheTicketAndTheWordsStandBesideIt) {
  print({label("SITE-A")});
  EXPECT_EQ(read_label(1, 1), label("SITE-A").ticket);
  for (const char* const word :
       {"SITE-A", "Werk Süd", "2026-12-01 18:00", "Notizen", "ALARMWIRE:04"})
    EXPECT_THAT(words(), HasSubstr(word));
}

TEST_F(LabelSheet, ABegunSheetIsUsedUpAndThenTheNextPage) {
  print({label("SITE-A"), label("SITE-B"), label("SITE-C")}, 7);
  EXPECT_EQ(read_label(1, 7), label("SITE-A").ticket);
  EXPECT_EQ(read_label(1, 8), label("SITE-B").ticket);
  EXPECT_EQ(read_label(2, 1), label("SITE-C").ticket);
  EXPECT_THAT(read_label(1, 1), HasSubstr("no QR code"));
  EXPECT_THAT(run("pdfinfo " + folder_ + "/sheet.pdf"), HasSubstr("(A4)"));
}

TEST_F(LabelSheet, ANameThatIsTooLongOrNoTextIsCutAndHarmsNothing) {
  Label odd = label("SITE-A");
  odd.name = std::string(5000, 'W') + "\xff\xfe\n";
  print({odd});
  EXPECT_EQ(read_label(1, 1), odd.ticket);
  EXPECT_THAT(words(), HasSubstr("…"));
}

TEST_F(LabelSheet, WhatIsNoSheetIsRefused) {
  EXPECT_FALSE(to_label_sheet({}));
  EXPECT_FALSE(to_label_sheet({label("A")}, 0));
  EXPECT_FALSE(to_label_sheet({label("A")}, 9));
  Label endless = label("A");
  endless.ticket = std::string(5000, 'A');
  EXPECT_FALSE(to_label_sheet({endless}));
}

}  // namespace
}  // namespace alarmwire::qr
