#include "tunnel/client/tunnel_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "common/clock.hpp"
#include "common/control.hpp"

namespace alarmwire::tunnel {
namespace {

using namespace std::chrono_literals;

class TunnelClientTest : public ::testing::Test {
 protected:
  TunnelClientTest() { client_ = std::make_shared<TunnelClient>(context_, path_); }
  ~TunnelClientTest() override { client_->stop(); }

  void open_daemon() {
    daemon_ = control::Server::open(context_, path_, "").value();
    using Request = const boost::json::object&;
    using Reply = std::shared_ptr<control::Responder>;
    daemon_->handle("status", [this](Request, const Reply& reply) {
      heard_.push_back("status");
      boost::json::array peers;
      for (std::size_t i = 0; i < peers_; ++i)
        peers.push_back({{"box", "site-" + std::to_string(i)}, {"padding", std::string(300, 'x')}});
      reply->result({{"interface", "wgtest"}, {"peers", std::move(peers)}});
    });
    daemon_->handle("stream", [this](Request request, const Reply& reply) {
      heard_.push_back(std::string(request.at("peer").as_string()) +
                       (request.at("up").as_bool() ? " up" : " down"));
      reply->result(nullptr);
    });
    daemon_->handle("peers", [this](Request request, const Reply& reply) {
      if (refuses_) return reply->error("no");
      if (request.at("first").as_bool()) arriving_ = 0;
      arriving_ += request.at("peers").as_array().size();
      ++pages_;
      if (request.at("last").as_bool()) given_ = arriving_;
      reply->result(boost::json::object{{"peers", arriving_}});
    });
    daemon_->handle("enrol-begin", [](Request request, const Reply& reply) {
      if (request.contains("bad")) return reply->error("no ticket");
      reply->result(boost::json::object{{"state", "bootstrap"}});
    });
    daemon_->handle("forget-streams", [this](Request, const Reply& reply) {
      heard_.push_back("forget");
      reply->result(nullptr);
    });
  }
  void close_daemon() {
    daemon_->close();
    daemon_.reset();
  }
  template <typename Condition>
  bool run_until(Condition condition, std::chrono::seconds at_most = 10s) {
    const SteadyTime end = steady_now() + at_most;
    while (!condition() && steady_now() < end) {
      context_.restart();
      context_.run_for(5ms);
    }
    return condition();
  }

  boost::asio::io_context context_;
  const std::string path_ = ::testing::TempDir() + "tunnel_client_test.sock";
  std::unique_ptr<control::Server> daemon_;
  std::shared_ptr<TunnelClient> client_;
  static boost::json::array many(std::size_t count) {
    boost::json::array peers;
    for (std::size_t i = 0; i < count; ++i)
      peers.push_back({{"name", std::string(63, 'x')}, {"public_key", std::string(44, 'k')}});
    return peers;
  }

  std::vector<std::string> heard_;
  std::size_t peers_ = 1;
  std::size_t arriving_ = 0, given_ = 0, pages_ = 0;
  bool refuses_ = false;
};

TEST_F(TunnelClientTest, thousands_of_peers_are_given_in_pages_and_again_after_a_reconnect) {
  std::vector<bool> done;
  client_->give_peers(many(4'500), [&](const Status& status) { done.push_back(bool(status)); });
  client_->start({});
  open_daemon();
  ASSERT_TRUE(run_until([&] { return done.size() == 1; }, 20s));
  EXPECT_EQ(given_, 4'500U);
  EXPECT_EQ(pages_, 3U);
  close_daemon();
  ASSERT_TRUE(run_until([&] { return !client_->status().has_value(); }));
  given_ = 0;
  open_daemon();
  ASSERT_TRUE(run_until([&] { return given_ == 4'500U; }, 20s));
}

TEST_F(TunnelClientTest, the_newest_list_of_peers_wins_and_all_who_wait_are_told) {
  open_daemon();
  client_->start({});
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  int told = 0;
  for (const std::size_t count : {5'000U, 3'000U, 7U, 0U})
    client_->give_peers(many(count), [&](const Status& status) { told += status ? 1 : 100; });
  ASSERT_TRUE(run_until([&] { return told == 4; }));
  EXPECT_EQ(given_, 0U);
  refuses_ = true;
  client_->give_peers(many(1), [&](const Status& status) { told += status ? 100 : 1; });
  ASSERT_TRUE(run_until([&] { return told == 5; })) << "a refused list is said to be one";
}

TEST_F(TunnelClientTest, every_question_is_answered_also_by_a_daemon_that_goes) {
  std::vector<std::string> answers;
  const auto note = [&](const Result<boost::json::object>& answer) {
    answers.push_back(answer ? "yes" : answer.error().is(Errc::closed) ? "gone" : "no");
  };
  client_->ask({{"command", "enrol-begin"}}, note);
  EXPECT_EQ(answers, std::vector<std::string>{"gone"}) << "not connected yet";
  open_daemon();
  client_->start({});
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  client_->ask({{"command", "enrol-begin"}}, note);
  client_->ask({{"command", "enrol-begin"}, {"bad", true}}, note);
  ASSERT_TRUE(run_until([&] { return answers.size() == 3; }));
  EXPECT_EQ(answers, (std::vector<std::string>{"gone", "yes", "no"}));
  client_->ask({{"command", "enrol-begin"}}, note);
  client_->ask({{"command", "enrol-begin"}}, note);
  close_daemon();
  ASSERT_TRUE(run_until([&] { return answers.size() == 5; }));
  EXPECT_EQ(answers.back(), "gone");
}

TEST_F(TunnelClientTest, the_daemon_forgets_old_streams_before_it_hears_new_ones) {
  open_daemon();
  client_->tell_stream("centre", true);
  client_->start({});
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  EXPECT_EQ(heard_, (std::vector<std::string>{"forget", "centre up", "status"}));
}

TEST_F(TunnelClientTest, news_of_a_stream_does_not_wait_for_the_next_poll) {
  open_daemon();
  client_->start({});
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  heard_.clear();
  client_->tell_stream("centre", false);
  ASSERT_TRUE(run_until([&] { return !heard_.empty(); }, 1s));
  EXPECT_EQ(heard_.front(), "centre down");
}

TEST_F(TunnelClientTest, a_daemon_that_went_and_came_back_is_told_again) {
  std::vector<bool> changes;
  client_->start([&](bool reachable) { changes.push_back(reachable); });
  ASSERT_TRUE(run_until([&] { return changes == std::vector<bool>{false}; }));
  open_daemon();
  client_->tell_stream("centre", true);
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  close_daemon();
  ASSERT_TRUE(run_until([&] { return !client_->status().has_value(); }));
  heard_.clear();
  open_daemon();
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }));
  ASSERT_GE(heard_.size(), 2u);
  EXPECT_EQ(heard_[0], "forget");
  EXPECT_EQ(heard_[1], "centre up");
  EXPECT_EQ(changes, (std::vector<bool>{false, true, false, true}));
}

TEST_F(TunnelClientTest, the_status_of_thousands_of_boxes_fits) {
  peers_ = 10'000;  // 3 MB of JSON
  open_daemon();
  client_->start({});
  ASSERT_TRUE(run_until([&] { return client_->status().has_value(); }, 20s));
  EXPECT_EQ(client_->status()->at("peers").as_array().size(), 10'000u);
}

TEST_F(TunnelClientTest, many_words_at_once_are_all_told_and_never_mixed) {
  open_daemon();
  client_->start({});
  for (int i = 0; i < 200; ++i) {
    client_->tell_stream("site-" + std::to_string(i), i % 2 == 0);
    if (i % 10 == 0) run_until([] { return true; });
  }
  ASSERT_TRUE(run_until([&] {
    return std::count_if(heard_.begin(), heard_.end(),
                         [](const std::string& word) { return word.starts_with("site-"); }) >= 200;
  }));
}

}  // namespace
}  // namespace alarmwire::tunnel
