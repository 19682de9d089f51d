#include "provisioning/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "tests/powercut/vfs.hpp"

namespace alarmwire::provisioning {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;

constexpr WallTimeUs now = 1'800'000'000'000'000;
constexpr WallTimeUs day = 86'400'000'000;

tunnel::PublicKey key_of(std::uint8_t byte) {
  tunnel::PublicKey key;
  key.bytes.fill(byte);
  return key;
}

const tunnel::PublicKey centre = key_of(0xcc);

NewTicket ticket_for(const std::string& site, std::uint8_t key,
                     Approval approval = Approval::automatic) {
  NewTicket ticket;
  ticket.bootstrap_key = key_of(key);
  ticket.preshared_key.bytes.fill(key);
  ticket.site = site;
  ticket.approval = approval;
  ticket.expires_us = now + 7 * day;
  return ticket;
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { clear(); }
  ~RegistryTest() override { clear(); }
  void clear() {
    for (const char* end : {"", "-wal", "-shm", "-journal"}) std::remove((path_ + end).c_str());
  }
  Registry open(const char* vfs = nullptr) { return Registry::open(path_, vfs).value(); }
  static Enrolled enrol(Registry& registry, std::uint8_t ticket, std::uint8_t box) {
    return registry.enrol(key_of(ticket), key_of(box), centre, now).value();
  }
  std::string path_ = ::testing::TempDir() + "registry_" + std::to_string(::getpid());
};

TEST_F(RegistryTest, ATicketEnrolsOneBoxOnce) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
  const Enrolled first = enrol(registry, 1, 11);
  EXPECT_EQ(first.verdict.outcome, Outcome::enrolled);
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.box->id, "site-a");
  const Enrolled again = enrol(registry, 1, 11);
  EXPECT_EQ(again.verdict.outcome, Outcome::enrolled);
  EXPECT_FALSE(again.changed);
  const Enrolled other = enrol(registry, 1, 12);
  EXPECT_EQ(other.verdict.outcome, Outcome::refused);
  EXPECT_EQ(other.verdict.reason, Reason::used);
  EXPECT_TRUE(other.first_refusal);
  EXPECT_FALSE(enrol(registry, 1, 12).first_refusal) << "one fault for one stranger";
  EXPECT_EQ(registry.ticket(1).value().refusals, 2U);
}

TEST_F(RegistryTest, TheSecretIsNowhereInTheFile) {
  const tunnel::TicketSecret secret = tunnel::TicketSecret::random().value();
  const tunnel::BootstrapKeys keys = tunnel::derive_bootstrap(secret).value();
  {
    Registry registry = open();
    NewTicket ticket = ticket_for("site-a", 1);
    ticket.bootstrap_key = keys.public_key;
    ticket.preshared_key = keys.preshared_key;
    registry.add_ticket(ticket, "anna", now).value();
    registry.enrol(keys.public_key, key_of(11), centre, now).value();
  }
  std::ifstream file(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto holds = [&bytes](const auto& key) {
    return bytes.find(std::string(key.begin(), key.end())) != std::string::npos;
  };
  EXPECT_TRUE(holds(keys.preshared_key.bytes)) << "the search works";
  EXPECT_FALSE(holds(secret.bytes));
  EXPECT_FALSE(holds(keys.private_key.bytes));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(RegistryTest, AManualTicketWaitsForAPerson) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1, Approval::manual), "anna", now).value();
  EXPECT_EQ(enrol(registry, 1, 11).verdict.outcome, Outcome::waiting);
  EXPECT_THAT(registry.peers(now).value(), ElementsAre(Field(&Peer::name, "ticket:1")))
      << "no way to the link before approval";
  EXPECT_EQ(registry.approve_box("site-a", "bert", now).value().approved_by, "bert");
  EXPECT_EQ(enrol(registry, 1, 11).verdict.outcome, Outcome::enrolled);
  EXPECT_THAT(registry.peers(now).value(), Contains(Field(&Peer::name, "site-a")));
}

TEST_F(RegistryTest, ThePeersPskIsWhatTheBoxDerives) {
  Registry registry = open();
  const NewTicket ticket = ticket_for("site-a", 1);
  registry.add_ticket(ticket, "anna", now).value();
  enrol(registry, 1, 11);
  const std::vector<Peer> peers = registry.peers(now).value();
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(peers[0].preshared_key,
            tunnel::derive_box_psk(ticket.preshared_key, key_of(11), centre).value());
  EXPECT_TRUE(peers[1].bootstrap);
}

TEST_F(RegistryTest, ATicketThatIsOverAnswersForThirtyDaysAndNoLonger) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
  const WallTimeUs end = now + 7 * day;
  EXPECT_EQ(registry.enrol(key_of(1), key_of(11), centre, end).value().verdict.reason,
            Reason::expired);
  EXPECT_EQ(registry.peers(end + 30 * day - 1).value().size(), 1U);
  EXPECT_EQ(registry.peers(end + 30 * day).value().size(), 0U);
  registry.revoke_ticket(1, "anna", now).value();
  EXPECT_EQ(enrol(registry, 1, 11).verdict.reason, Reason::revoked);
  EXPECT_EQ(registry.peers(now + 30 * day).value().size(), 0U);
}

TEST_F(RegistryTest, ARevokedBoxIsOutAndItsSiteCanBeEnrolledAnew) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
  enrol(registry, 1, 11);
  EXPECT_TRUE(registry.add_ticket(ticket_for("site-a", 2), "anna", now).error().is(Errc::exists));
  EXPECT_TRUE(registry.revoke_ticket(1, "anna", now).error().is(Errc::conflict));
  registry.revoke_box("site-a", "anna", now).value();
  EXPECT_EQ(enrol(registry, 1, 11).verdict.reason, Reason::revoked);
  EXPECT_TRUE(registry.approve_box("site-a", "anna", now).error().is(Errc::conflict));
  registry.add_ticket(ticket_for("site-a", 2), "anna", now).value();
  EXPECT_EQ(enrol(registry, 2, 12).verdict.outcome, Outcome::enrolled);
  EXPECT_EQ(enrol(registry, 1, 11).verdict.reason, Reason::revoked) << "the old box stays out";
}

class Replacement : public RegistryTest {
 protected:
  Replacement() {
    registry_.add_ticket(ticket_for("site-a", 1), "anna", now).value();
    enrol(registry_, 1, 11);
  }
  static NewTicket replacing(std::uint8_t key, Approval approval = Approval::automatic) {
    NewTicket ticket = ticket_for("site-a", key, approval);
    ticket.replaces = true;
    return ticket;
  }
  std::vector<tunnel::PublicKey> boxes_let_in() {
    std::vector<tunnel::PublicKey> keys;
    for (const Peer& peer : registry_.peers(now).value())
      if (!peer.bootstrap) keys.push_back(peer.public_key);
    return keys;
  }
  Registry registry_ = open();
};

TEST_F(Replacement, TheOldBoxGoesOnUntilTheNewOneHasCarriedAStream) {
  registry_.add_ticket(replacing(2), "anna", now).value();
  registry_.rename_box("site-a", "Werk", "anna", now).value();
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::enrolled);
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::enrolled) << "asked again";
  EXPECT_EQ(enrol(registry_, 2, 13).verdict.reason, Reason::used);
  EXPECT_EQ(boxes_let_in(), (std::vector{key_of(11), key_of(12)}));
  EXPECT_TRUE(registry_.take_place("site-a", key_of(13), now).error().is(Errc::not_found));
  const BoxRow box = registry_.take_place("site-a", key_of(12), now).value();
  EXPECT_EQ(box.public_key, key_of(12));
  EXPECT_EQ(box.name, "Werk");
  EXPECT_EQ(box.ticket, 2) << "the six words are the new box's";
  EXPECT_EQ(boxes_let_in(), std::vector{key_of(12)});
  EXPECT_TRUE(registry_.take_place("site-a", key_of(12), now)) << "told again";
  EXPECT_EQ(enrol(registry_, 1, 11).verdict.reason, Reason::revoked) << "the old box stays out";
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::enrolled);
  EXPECT_THAT(registry_.journal(0, 100).value(),
              Contains(Field(&JournalLine::what, "box replaced")));
}

TEST_F(Replacement, APersonMayHaveToApproveIt) {
  registry_.add_ticket(replacing(2, Approval::manual), "anna", now).value();
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::waiting);
  EXPECT_EQ(boxes_let_in(), std::vector{key_of(11)});
  EXPECT_FALSE(registry_.take_place("site-a", key_of(12), now));
  registry_.approve_box("site-a", "bert", now).value();
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::enrolled);
  EXPECT_EQ(boxes_let_in().size(), 2U);
}

TEST_F(Replacement, RevokingTheTicketLeavesTheOldBoxAndRevokingTheBoxLeavesNone) {
  registry_.add_ticket(replacing(2), "anna", now).value();
  enrol(registry_, 2, 12);
  registry_.revoke_ticket(2, "anna", now).value();
  EXPECT_EQ(boxes_let_in(), std::vector{key_of(11)});
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.reason, Reason::revoked);
  registry_.add_ticket(replacing(3), "anna", now).value();
  enrol(registry_, 3, 13);
  registry_.revoke_box("site-a", "anna", now).value();
  EXPECT_TRUE(boxes_let_in().empty());
}

TEST_F(Replacement, OneAtATimeAndOnlyOfABoxThatIsThere) {
  NewTicket nobody = replacing(2);
  nobody.site = "site-b";
  EXPECT_TRUE(registry_.add_ticket(nobody, "anna", now).error().is(Errc::conflict));
  registry_.add_ticket(replacing(2), "anna", now).value();
  registry_.add_ticket(replacing(3), "anna", now).value();
  enrol(registry_, 2, 12);
  EXPECT_EQ(enrol(registry_, 3, 13).verdict.reason, Reason::used) << "another was quicker";
  EXPECT_TRUE(registry_.order_rotation("site-a", "anna", now).error().is(Errc::conflict));
  EXPECT_TRUE(registry_.add_ticket(replacing(4), "anna", now).error().is(Errc::conflict));
}

TEST_F(Replacement, AnOrderThatADeadBoxNeverAnsweredIsGivenUpOneThatItDidIsNot) {
  const auto order = registry_.order_rotation("site-a", "anna", now).value().successor->order;
  registry_.add_ticket(replacing(2), "anna", now).value();
  EXPECT_FALSE(registry_.box("site-a").value().successor);
  EXPECT_FALSE(registry_.take_key("site-a", order, key_of(21), key_of(99), now));
  EXPECT_EQ(enrol(registry_, 2, 12).verdict.outcome, Outcome::enrolled);
  registry_.take_place("site-a", key_of(12), now).value();
  EXPECT_THAT(registry_.journal(0, 100).value(),
              Contains(Field(&JournalLine::what, "key change given up")));
  const auto next = registry_.order_rotation("site-a", "anna", now).value().successor->order;
  registry_.take_key("site-a", next, key_of(22), key_of(99), now).value();
  EXPECT_TRUE(registry_.add_ticket(replacing(3), "anna", now).error().is(Errc::conflict));
}

TEST_F(RegistryTest, RevokingATicketTakesTheWaitingBoxAlong) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1, Approval::manual), "anna", now).value();
  enrol(registry, 1, 11);
  registry.revoke_ticket(1, "anna", now).value();
  EXPECT_EQ(registry.box("site-a").value().state, BoxState::revoked);
}

TEST_F(RegistryTest, EveryActionIsInTheJournalWhichNobodyCanChange) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1, Approval::manual), "anna", now).value();
  enrol(registry, 1, 11);
  enrol(registry, 1, 12);
  registry.approve_box("site-a", "bert", now).value();
  registry.rename_box("site-a", "Werk Süd", "bert", now).value();
  registry.revoke_box("site-a", "carl", now).value();
  std::vector<std::string> lines;
  for (const JournalLine& line : registry.journal(0, 100).value())
    lines.push_back(line.who + " | " + line.what + " | " + line.about);
  EXPECT_THAT(
      lines, ElementsAre("anna | ticket created | ticket 1", "ticket 1 | box enrolled | box site-a",
                         "ticket 1 | box refused | box site-a", "bert | box approved | box site-a",
                         "bert | box renamed | box site-a", "carl | box revoked | box site-a"));
  EXPECT_EQ(registry.journal(5, 100).value().size(), 1U);
}

TEST_F(RegistryTest, TheDatabaseItselfRefusesToChangeTheJournal) {
  {
    Registry registry = open();
    registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
  }
  auto database = sqlite::Database::open(path_, sqlite::Database::Mode::read_write).value();
  EXPECT_FALSE(database.exec("DELETE FROM journal"));
  EXPECT_FALSE(database.exec("UPDATE journal SET who = 'nobody'"));
}

TEST_F(RegistryTest, WhoChangesTheJournalAllTheSameIsFoundOut) {
  std::string head;
  {
    Registry registry = open();
    registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
    enrol(registry, 1, 11);
    registry.rename_box("site-a", "Werk", "bert", now).value();
    registry.revoke_box("site-a", "carl", now).value();
    const JournalCheck check = registry.check_journal().value();
    EXPECT_EQ(check.lines, 4U);
    EXPECT_EQ(check.first_broken, 0);
    head = check.head;
    EXPECT_EQ(head.size(), 32U);
  }
  const auto after = [this](const std::string& change) {
    {
      auto file = sqlite::Database::open(path_, sqlite::Database::Mode::read_write).value();
      file.exec("DROP TRIGGER IF EXISTS journal_stays; DROP TRIGGER IF EXISTS journal_holds;" +
                change)
          .value();
    }
    return open().check_journal().value();
  };
  EXPECT_EQ(after("SELECT 1").head, head);
  EXPECT_EQ(after("UPDATE journal SET who = 'dora' WHERE number = 3").first_broken, 3);
  EXPECT_EQ(after("UPDATE journal SET who = 'bert' WHERE number = 3").first_broken, 0);
  EXPECT_EQ(after("UPDATE journal SET before = before || 'x' WHERE number = 4").first_broken, 4);
  EXPECT_EQ(after("DELETE FROM journal WHERE number = 2").first_broken, 2);
  EXPECT_NE(after("DELETE FROM journal WHERE number > 1").head, head) << "as an export shows";
}

TEST_F(RegistryTest, StrangersKeysAreBounded) {
  Registry registry = open();
  registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
  enrol(registry, 1, 11);
  int faults = 0;
  for (std::uint8_t box = 100; box < 150; ++box) faults += enrol(registry, 1, box).first_refusal;
  EXPECT_EQ(faults, refused_keys_max);
  EXPECT_EQ(registry.ticket(1).value().refusals, 50U);
}

TEST_F(RegistryTest, WrongWishesAreRefused) {
  Registry registry = open();
  EXPECT_FALSE(registry.add_ticket(ticket_for("Site A", 1), "anna", now));
  EXPECT_FALSE(registry.add_ticket(ticket_for("centre", 1), "anna", now));
  EXPECT_FALSE(registry.add_ticket(ticket_for("site-a", 1), "anna", now + 7 * day));
  EXPECT_TRUE(registry.ticket(0).error().is(Errc::not_found));
  EXPECT_TRUE(registry.box("site-a").error().is(Errc::not_found));
  EXPECT_TRUE(registry.approve_box("site-a", "anna", now).error().is(Errc::not_found));
}

// Whatever call to the disk fails, and whenever the power goes: what was answered holds, and the
// box that asks again gets through.
void expect_whole(Registry& registry, bool answered) {
  const std::vector<BoxRow> boxes = registry.boxes().value();
  const bool used = registry.ticket(1).value().used_us != 0;
  EXPECT_EQ(boxes.size(), used ? 1U : 0U) << "half an enrolment";
  EXPECT_EQ(registry.journal(0, 100).value().size(), used ? 2U : 1U);
  EXPECT_TRUE(used || !answered) << "an answered enrolment is forgotten";
  EXPECT_EQ(registry.enrol(key_of(1), key_of(11), centre, now).value().verdict.outcome,
            Outcome::enrolled);
}

TEST_F(RegistryTest, APowerCutAtEveryCallLeavesAllOrNothing) {
  int cuts = 0;
  for (std::uint64_t call = 1;; ++call) {
    clear();
    powercut::Disk disk("registry-cut-" + std::to_string(call), call);
    bool answered = false;
    {
      Registry registry = open(disk.name());
      registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
      disk.cut_after_calls(call);
      answered = registry.enrol(key_of(1), key_of(11), centre, now).has_value();
    }
    const bool was_cut = disk.is_cut();
    disk.restart();
    Registry registry = open(disk.name());
    expect_whole(registry, answered);
    if (!was_cut) break;
    ++cuts;
  }
  EXPECT_GE(cuts, 2);
}

TEST_F(RegistryTest, AFailingCallIsAnErrorAndNothingIsHalfDone) {
  int failures = 0;
  for (std::uint64_t call = 1;; ++call) {
    clear();
    powercut::Disk disk("registry-fail-" + std::to_string(call), call);
    bool answered = false;
    bool failed = false;
    {
      Registry registry = open(disk.name());
      registry.add_ticket(ticket_for("site-a", 1), "anna", now).value();
      disk.fail_call(call);
      answered = registry.enrol(key_of(1), key_of(11), centre, now).has_value();
      failed = disk.has_failed();
      disk.fail_call(0);
    }
    Registry registry = open(disk.name());
    expect_whole(registry, answered);
    if (!failed) break;
    ++failures;
  }
  EXPECT_GE(failures, 2);
}

}  // namespace
}  // namespace alarmwire::provisioning
