#include "edge/status/page/form.hpp"

#include <gtest/gtest.h>

namespace alarmwire::page {
namespace {

constexpr const char* type = "multipart/form-data; boundary=\"x-7\"";

std::string part(const std::string& head, const std::string& value) {
  return "--x-7\r\n" + head + "\r\n\r\n" + value + "\r\n";
}
const std::string token = part("Content-Disposition: form-data; name=\"token\"", "abc");
const std::string photo = part(
    "content-disposition: form-data; name=\"photo\"; filename=\"a;name=evil.png\"\r\n"
    "Content-Type: image/png",
    std::string("\x89PNG\r\n--x-\r\n\0rest", 17));

TEST(Form, FieldsAreUnescaped) {
  EXPECT_EQ(urlencoded_field("a=1&ticket=ALARMWIRE%3A04+07%0d%0A&b", "ticket"),
            "ALARMWIRE:04 07\r\n");
  EXPECT_EQ(urlencoded_field("a=%4&b=%zz", "b"), "%zz");
  EXPECT_EQ(urlencoded_field("a", "a"), "");
  EXPECT_EQ(urlencoded_field("", "a"), std::nullopt);
  std::string many;
  for (std::size_t i = 0; i < form_fields_max; ++i) many += "x=1&";
  EXPECT_EQ(urlencoded_field(many + "a=1", "a"), std::nullopt);
}

TEST(Form, PartsComeOutByteForByte) {
  const std::string body = token + photo + "--x-7--\r\n";
  const auto fields = multipart_fields(type, body);
  ASSERT_TRUE(fields);
  EXPECT_EQ(value_of(*fields, "token"), "abc");
  EXPECT_EQ(value_of(*fields, "photo"), std::string_view("\x89PNG\r\n--x-\r\n\0rest", 17));
  EXPECT_EQ(value_of(*fields, "evil.png"), std::nullopt) << "a file's name is no field";
}

TEST(Form, WhatIsCutOrBentIsNoForm) {
  const std::string body = token + photo + "--x-7--";
  for (std::size_t length = 0; length + 2 < body.size(); ++length)
    EXPECT_FALSE(multipart_fields(type, std::string_view(body).substr(0, length))) << length;
  EXPECT_FALSE(multipart_fields("text/plain; boundary=x-7", body));
  EXPECT_FALSE(multipart_fields("multipart/form-data", body));
  EXPECT_FALSE(multipart_fields("multipart/form-data; boundary=\"x-7", body));
  EXPECT_FALSE(multipart_fields("multipart/form-data; boundary=" + std::string(71, 'x'), body));
  EXPECT_FALSE(multipart_fields(type, part("Content-Type: text/plain", "no name") + "--x-7--"));
  EXPECT_FALSE(multipart_fields(type, part(std::string(5000, 'h'), "") + "--x-7--"));
  std::string many;
  for (std::size_t i = 0; i <= form_fields_max; ++i) many += token;
  EXPECT_FALSE(multipart_fields(type, many + "--x-7--"));
}

}  // namespace
}  // namespace alarmwire::page
