#include <gmock/gmock.h>

#include "common/tests/control_fixture.hpp"

namespace alarmwire::control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const std::string keep_line = "{\"command\":\"keep\"}\n";
const std::string echo_line = "{\"command\":\"echo\",\"text\":1}\n";

TEST_F(ControlTest, RefusesALineThatIsTooLong) {
  RawClient raw(path_);
  raw.send(std::string(line_bytes_max + 100'000, 'x'));
  EXPECT_THAT(raw.line(), HasSubstr("a line has at most"));
  EXPECT_TRUE(raw.is_closed());
}

TEST_F(ControlTest, RefusesAFloodBehindARequestInHand) {
  RawClient raw(path_);
  raw.send(keep_line);
  const auto responder = kept();
  for (int i = 0; i < 4; ++i) raw.send(std::string(line_bytes_max / 2, '\n'));
  EXPECT_THAT(raw.line(), HasSubstr("a line has at most"));
  EXPECT_TRUE(eventually([&] { return responder->is_gone(); }));
}

TEST_F(ControlTest, AnswersNonsenseWithAnErrorAndGoesOn) {
  RawClient raw(path_);
  for (const std::string& nonsense :
       {std::string("not json"), std::string("[]"), std::string("{\"command\":1}"),
        std::string(5000, '['), std::string("{\"command\":\"\xff\"}"), std::string("\0", 1)}) {
    raw.send(nonsense + "\n");
    EXPECT_THAT(raw.line(), HasSubstr("\"ok\":false"));
  }
  raw.send("\n  \r\n" + echo_line);
  EXPECT_THAT(raw.line(), HasSubstr("\"result\":1"));
}

TEST_F(ControlTest, ManySmallLinesAreServedInOrder) {
  RawClient raw(path_);
  std::string all;
  for (int i = 0; i < 2000; ++i)
    all += "\n\n{\"command\":\"echo\",\"text\":" + std::to_string(i) + "}\n";
  raw.send(all);
  for (int i = 0; i < 2000; ++i)
    ASSERT_THAT(raw.line(), HasSubstr("\"result\":" + std::to_string(i) + "}"));
}

TEST_F(ControlTest, TurnsClientsAwayOverTheLimitAndServesAgainAfter) {
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < clients_max; ++i) {
    clients.emplace_back(path_);
    clients.back().send(echo_line);
    ASSERT_THAT(clients.back().line(), HasSubstr("\"ok\":true"));
  }
  EXPECT_EQ(client().call({{"command", "echo"}, {"text", 1}}, 5s).error().diagnostics,
            "too many clients");
  clients.clear();
  EXPECT_TRUE(eventually([&] {
    return client().call({{"command", "echo"}, {"text", 1}}, 5s).has_value();
  }));
}

TEST_F(ControlTest, CutsOffAStreamsReaderThatFallsBehind) {
  RawClient raw(path_);
  raw.send(keep_line);
  const auto responder = kept();
  const boost::json::value item(std::string(1000, 'x'));
  std::size_t items = 0;
  while (!responder->is_gone() && items < 100'000) {
    responder->item(item);
    ++items;
  }
  EXPECT_TRUE(responder->is_gone());
  EXPECT_GT(items, stream_backlog_items_max / 2);
}

TEST_F(ControlTest, WhatADeviceSaidNeverMakesAnAnswerUnreadable) {
  EXPECT_EQ(client().call({{"command", "raw"}}, 5s).value(), "T\ufffdr");
}

TEST_F(ControlTest, AnAnswerThatIsTooLongIsAnError) {
  Client asking = client();
  std::thread later(
      [this] { kept()->result(boost::json::value(std::string(answer_bytes_max, 'x'))); });
  EXPECT_EQ(asking.call({{"command", "keep"}}, 5s).error().diagnostics, "the answer is too long");
  later.join();
}

TEST_F(ControlTest, AClientThatVanishesAnywhereHarmsNobody) {
  for (std::size_t cut = 0; cut <= echo_line.size(); ++cut)
    RawClient(path_).send(echo_line.substr(0, cut));
  EXPECT_TRUE(eventually([&] {
    return client().call({{"command", "echo"}, {"text", 1}}, 5s).has_value();
  }));
}

TEST_F(ControlTest, AnAnswerToAClosedServerIsDropped) {
  RawClient raw(path_);
  raw.send(keep_line);
  const auto responder = kept();
  on_loop([this] { server_->close(); });
  EXPECT_TRUE(responder->is_gone());
  responder->item(1);
  responder->result(2);
  EXPECT_TRUE(raw.is_closed());
}

}  // namespace
}  // namespace alarmwire::control
