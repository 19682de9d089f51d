// A change of a box's key from order to end, both halves for real (the book in its file, the box's
// identity through its), with the power gone after every step on either side, and after every
// second one too. Between any two steps the box can connect: with the key it uses, or with the one
// it goes back to.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "provisioning/registry.hpp"
#include "tests/powercut/vfs.hpp"
#include "tunnel/rotation.hpp"

namespace alarmwire::provisioning {
namespace {

constexpr WallTimeUs now = 1'800'000'000'000'000;
const BoxId site = "site-a";

tunnel::PublicKey key_of(std::uint8_t byte) {
  tunnel::PublicKey key;
  key.bytes.fill(byte);
  return key;
}
const tunnel::PublicKey centre = key_of(0xcc);

struct Cut {};  // the power is gone: what was under way is lost

// What stands on disk at either side, and the steps between.
class Sides {
 public:
  explicit Sides(std::string path, const char* vfs = nullptr) : path_(std::move(path)), vfs_(vfs) {
    open();
    NewTicket ticket;
    ticket.bootstrap_key = key_of(1);
    ticket.preshared_key.bytes.fill(1);
    ticket.site = site;
    ticket.expires_us = now + 1'000'000;
    book_->add_ticket(ticket, "anna", now).value();
    box_.state = tunnel::Identity::State::enrolled;
    box_.private_key = tunnel::generate_private_key().value();
    box_.ticket_key = ticket.bootstrap_key;
    box_.centre = centre;
    box_.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
    box_.endpoints = {*tunnel::EndpointName::parse("centre.example:51820")};
    const tunnel::PublicKey own = tunnel::public_key_of(box_.private_key).value();
    box_.preshared_key = tunnel::derive_box_psk(ticket.preshared_key, own, centre).value();
    first_ = own;
    book_->enrol(ticket.bootstrap_key, own, centre, now).value();
    book_->order_rotation(site, "anna", now).value();
  }

  void open() { book_.emplace(Registry::open(path_, vfs_).value()); }
  void restart() {
    book_.reset();
    open();
    box_ = tunnel::parse_identity(tunnel::format_identity(box_)).value();
  }

  // Would the centre's WireGuard answer the box that runs on this identity?
  bool is_let_in(const tunnel::Identity& identity) {
    const auto key = tunnel::public_key_of(tunnel::private_key_in_use(identity)).value();
    const std::vector<Peer> peers = book_->peers(now).value();
    return std::any_of(peers.begin(), peers.end(), [&](const Peer& peer) {
      return !peer.bootstrap && peer.public_key == key &&
             peer.preshared_key == tunnel::preshared_key_in_use(identity);
    });
  }

  // Streams until nothing is left to do. A Cut is thrown after step number `cut`.
  void run(int cut) {
    left_ = cut;
    for (int streams = 0; streams < 8; ++streams) {
      if (!is_let_in(box_)) box_ = tunnel::after_vain_trial(box_);
      ASSERT_TRUE(is_let_in(box_)) << "locked out";
      if (!stream()) return;
    }
    FAIL() << "it does not come to an end";
  }

  bool is_changed() {
    const BoxRow box = book_->box(site).value();
    return !box.successor && box.public_key != first_ &&
           box.public_key == tunnel::public_key_of(box_.private_key).value();
  }
  Registry& book() { return *book_; }
  tunnel::Identity& box() { return box_; }

 private:
  void step() {
    ASSERT_TRUE(is_let_in(box_) || is_let_in(tunnel::after_vain_trial(box_))) << "locked out";
    if (--left_ == 0) throw Cut{};
  }
  // From the Welcome on; true: the box changes over and comes again.
  bool stream() {
    const auto key = tunnel::public_key_of(tunnel::private_key_in_use(box_)).value();
    step();
    if (const auto next = tunnel::after_welcome(box_, box_.prefix.address_of(key))) box_ = *next;
    step();
    const BoxRow known = book_->box(site).value();
    if (!known.successor) return false;
    const tunnel::RotationOrder order = known.successor->order;
    box_ = tunnel::after_order(box_, order).value();
    step();
    const tunnel::PublicKey told = tunnel::rotation_key(box_).value();
    if (box_.rotation->state == tunnel::Rotation::State::done) {
      book_->key_in_use(site, order, told, now).value();
      step();
      return false;
    }
    book_->take_key(site, order, told, centre, now).value();
    step();
    box_ = tunnel::after_taken(box_, order).value();
    step();
    return true;
  }

  const std::string path_;
  const char* const vfs_;
  std::optional<Registry> book_;
  tunnel::Identity box_;
  tunnel::PublicKey first_;
  int left_ = 0;
};

class KeyChange : public ::testing::Test {
 protected:
  KeyChange() { clear(); }
  ~KeyChange() override { clear(); }
  void clear() {
    for (const char* end : {"", "-wal", "-shm", "-journal"}) std::remove((path_ + end).c_str());
  }
  // False: it came to its end before step `cut`.
  static bool is_cut(Sides& sides, int cut) {
    try {
      sides.run(cut);
      return false;
    } catch (const Cut&) {
      sides.restart();
      return true;
    }
  }
  std::string path_ = ::testing::TempDir() + "key_change_" + std::to_string(::getpid());
};

TEST_F(KeyChange, ThePowerMayGoAfterEveryStepOnEitherSideAndAfterEverySecondOne) {
  int cuts = 0;
  for (int first = 1;; ++first) {
    bool was_cut = false;
    for (int second = 1;; ++second) {
      clear();
      Sides sides(path_);
      was_cut = is_cut(sides, first);
      const bool was_cut_again = was_cut && is_cut(sides, second);
      cuts += was_cut ? 1 : 0;
      sides.run(0);
      EXPECT_TRUE(sides.is_changed()) << "cut after steps " << first << " and " << second;
      if (!was_cut_again || HasFatalFailure()) break;
    }
    if (!was_cut || HasFatalFailure()) break;
  }
  EXPECT_GE(cuts, 40);
}

TEST_F(KeyChange, ThePowerMayGoInTheMiddleOfEveryWriteOfTheBook) {
  int cuts = 0;
  for (std::uint64_t call = 1;; ++call) {
    clear();
    powercut::Disk disk("key-change-" + std::to_string(call), call);
    Sides sides(path_, disk.name());
    const BoxRow before = sides.book().box(site).value();
    const tunnel::RotationOrder order = before.successor->order;
    sides.box() = tunnel::after_order(sides.box(), order).value();
    const tunnel::PublicKey key = tunnel::rotation_key(sides.box()).value();
    disk.cut_after_calls(call);
    // What is answered leads to the next step, as in life.
    if (sides.book().take_key(site, order, key, centre, now)) {
      sides.box() = tunnel::after_taken(sides.box(), order).value();
      sides.box() = *tunnel::after_welcome(sides.box(), sides.box().prefix.address_of(key));
      static_cast<void>(sides.book().key_in_use(site, order, key, now));
    }
    const bool was_cut = disk.is_cut();
    disk.restart();
    sides.restart();
    sides.run(0);
    EXPECT_TRUE(sides.is_changed()) << "call " << call;
    if (!was_cut || HasFatalFailure()) break;
    ++cuts;
  }
  EXPECT_GE(cuts, 4);
}

TEST_F(KeyChange, ABoxThatGivesUpKeepsItsKeyAndMayBeOrderedAgain) {
  Sides sides(path_);
  Registry& book = sides.book();
  const BoxRow before = book.box(site).value();
  const tunnel::RotationOrder order = before.successor->order;
  EXPECT_EQ(book.order_rotation(site, "bert", now).value().successor->order, order)
      << "ordered twice is ordered once";
  book.take_key(site, order, key_of(7), centre, now).value();
  EXPECT_EQ(book.peers(now).value().size(), 3U) << "both slots, and the ticket's";
  EXPECT_TRUE(book.key_in_use(site, order, key_of(8), now).error().is(Errc::not_found));
  EXPECT_EQ(book.end_rotation(site, order, "box site-a", now).value().public_key,
            before.public_key);
  EXPECT_EQ(book.peers(now).value().size(), 2U);
  EXPECT_TRUE(book.take_key(site, order, key_of(7), centre, now).error().is(Errc::not_found));
  EXPECT_NE(book.order_rotation(site, "bert", now).value().successor->order, order);
}

TEST_F(KeyChange, NobodysOrderAndAnothersKeyAreRefused) {
  Sides sides(path_);
  Registry& book = sides.book();
  const BoxRow before = book.box(site).value();
  tunnel::RotationOrder other{};
  EXPECT_TRUE(book.take_key(site, other, key_of(7), centre, now).error().is(Errc::not_found));
  EXPECT_TRUE(book.take_key(site, before.successor->order, before.public_key, centre, now)
                  .error()
                  .is(Errc::conflict));
  EXPECT_TRUE(book.order_rotation("site-b", "anna", now).error().is(Errc::not_found));
  book.revoke_box(site, "anna", now).value();
  EXPECT_TRUE(book.take_key(site, before.successor->order, key_of(7), centre, now)
                  .error()
                  .is(Errc::not_found))
      << "a revoked box changes nothing any more";
  EXPECT_TRUE(book.order_rotation(site, "anna", now).error().is(Errc::conflict));
  EXPECT_EQ(book.peers(now).value().size(), 1U);
}

}  // namespace
}  // namespace alarmwire::provisioning
