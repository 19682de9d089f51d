// The words about a change of the box's key, as each end's session takes and gives them.
#include <gtest/gtest.h>

#include "grpc/link/box_session.hpp"
#include "grpc/link/tests/centre_session_fixture.hpp"

namespace alarmwire::link {
namespace {

const std::string order(key_order_bytes, 'o');
const std::string key(public_key_bytes, 'k');

class KeyNewsTest : public CentreTest {
 protected:
  static v1::BoxFrame news(v1::KeyNews::State state, const std::string& said_order,
                           const std::string& said_key) {
    v1::BoxFrame frame;
    frame.mutable_key_news()->set_state(state);
    frame.mutable_key_news()->set_order(said_order);
    frame.mutable_key_news()->set_public_key(said_key);
    return frame;
  }
};

TEST_F(KeyNewsTest, TheCentreOrdersAndHearsAndTells) {
  CentreState state;
  state.peer_address = "fd00::7";
  welcome(state);
  EXPECT_EQ(written.front().welcome().peer_address(), "fd00::7");
  session->order_key(order, now);
  take();
  EXPECT_EQ(written.back().key_order().order(), order);
  EXPECT_TRUE(written.back().ignorable()) << "an older box keeps its key and its stream";
  say(news(v1::KeyNews::OFFERED, order, key));
  ASSERT_EQ(all<centre_action::KeyTold>().size(), 1u);
  const KeyNews& told = all<centre_action::KeyTold>()[0]->news;
  EXPECT_EQ(told.state, KeyState::offered);
  EXPECT_EQ(told.order, order);
  EXPECT_EQ(told.public_key, key);
  session->key_taken(order, now);
  take();
  EXPECT_EQ(written.back().key_taken().order(), order);
}

TEST_F(KeyNewsTest, NewsThatMakeNoSenseEndTheStream) {
  const v1::BoxFrame odd[] = {news(v1::KeyNews::OFFERED, "short", key),
                              news(v1::KeyNews::OFFERED, order, "short"),
                              news(v1::KeyNews::IN_USE, order, ""),
                              news(v1::KeyNews::FAILED, order, key),
                              news(v1::KeyNews::UNKNOWN, order, key),
                              news(static_cast<v1::KeyNews::State>(9), order, key)};
  for (const v1::BoxFrame& frame : odd) {
    make();
    welcome();
    session->order_key(order, now);
    take();
    say(frame);
    EXPECT_TRUE(all<centre_action::KeyTold>().empty());
    expect_closed(CloseCode::protocol);
  }
}

TEST_F(KeyNewsTest, AnOrderIsAnsweredOnceAndNewsNobodyAskedForEndTheStream) {
  welcome();
  session->order_key(order, now);
  take();
  say(news(v1::KeyNews::FAILED, order, ""));
  EXPECT_FALSE(session->is_closed());
  say(news(v1::KeyNews::FAILED, order, ""));
  expect_closed(CloseCode::protocol);
}

class BoxKeyTest : public ::testing::Test {
 protected:
  BoxKeyTest() { take(); }
  void take() {
    for (BoxAction& action : session.take_actions()) {
      if (auto* write = std::get_if<box_action::Write>(&action)) {
        written.push_back(write->frame);
        session.on_write_ready(now);
        take();
      } else {
        actions.push_back(std::move(action));
      }
    }
  }
  void hear(const v1::CentreFrame& frame) {
    session.on_frame(frame, now);
    take();
  }
  void welcome() {
    v1::CentreFrame frame;
    frame.mutable_welcome()->set_major(protocol_major);
    frame.mutable_welcome()->set_beat_interval_ms(5000);
    frame.mutable_welcome()->set_peer_address("fd00::7");
    hear(frame);
  }
  template <typename Action>
  std::vector<const Action*> all() {
    std::vector<const Action*> found;
    for (const BoxAction& action : actions)
      if (const auto* one = std::get_if<Action>(&action)) found.push_back(one);
    return found;
  }

  Now now{SteadyTime(1000s), 1'700'000'000'000'000};
  BoxSession session{BoxConfig{"box"}, {}, "", now};
  std::vector<v1::BoxFrame> written;
  std::vector<BoxAction> actions;
};

TEST_F(BoxKeyTest, TheBoxHearsWhereItIsSeenAndWhatIsOrderedAndAnswers) {
  welcome();
  ASSERT_EQ(all<box_action::Up>().size(), 1u);
  EXPECT_EQ(all<box_action::Up>()[0]->peer_address, "fd00::7");
  v1::CentreFrame ordered;
  ordered.set_ignorable(true);
  ordered.mutable_key_order()->set_order(order);
  hear(ordered);
  ASSERT_EQ(all<box_action::KeyOrdered>().size(), 1u);
  EXPECT_EQ(all<box_action::KeyOrdered>()[0]->order, order);
  session.say_key({order, KeyState::offered, key}, now);
  take();
  ASSERT_TRUE(written.back().has_key_news());
  EXPECT_EQ(written.back().key_news().state(), v1::KeyNews::OFFERED);
  EXPECT_EQ(written.back().key_news().public_key(), key);
  v1::CentreFrame taken;
  taken.mutable_key_taken()->set_order(order);
  hear(taken);
  ASSERT_EQ(all<box_action::KeyTaken>().size(), 1u);
  EXPECT_FALSE(session.is_closed());
}

TEST_F(BoxKeyTest, AnOrderThatMakesNoSenseEndsTheStream) {
  welcome();
  v1::CentreFrame ordered;
  ordered.mutable_key_order()->set_order("short");
  hear(ordered);
  EXPECT_TRUE(all<box_action::KeyOrdered>().empty());
  EXPECT_TRUE(session.is_closed());
}

}  // namespace
}  // namespace alarmwire::link
