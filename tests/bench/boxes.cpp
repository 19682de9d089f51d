// A hundred boxes that are none: each a stream to the receiver from an address of its own (AnyIP),
// sending records of 1 KiB one after the other and answering beats.
//
//   bench_boxes CENTRE_ADDRESS PORT ADDRESS_FILE RECORDS_PER_BOX SECONDS
//
// ADDRESS_FILE has a box's address per line. Prints "N boxes up, M records stored" at the end; exit
// 0 only when every box was welcomed and got all its records stored.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/record.hpp"
#include "grpc/proto/frames.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include "grpc/proto/link.grpc.pb.h"
#pragma GCC diagnostic pop

namespace alarmwire::bench {
namespace {

using link::v1::BoxFrame;
using link::v1::CentreFrame;

struct Plan {
  sockaddr_in6 centre{};
  int records = 10;
  std::chrono::seconds time{10};
};

struct Tally {
  std::atomic<int> up{0};
  std::atomic<int> stored{0};
};

sockaddr_in6 ipv6(const std::string& text, int port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET6, text.c_str(), &address.sin6_addr) != 1)
    throw std::runtime_error("not an IPv6 address: " + text);
  return address;
}

// gRPC cannot choose its source address: the socket is connected here and handed over.
int connect_from(const std::string& own, const sockaddr_in6& centre) {
  const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in6 here = ipv6(own, 0);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::connect(socket, reinterpret_cast<const sockaddr*>(&centre), sizeof centre) != 0)
    throw std::runtime_error("connect from " + own + " failed");
  return socket;
}

class Box {
 public:
  Box(std::string address, const Plan& plan, Tally& tally)
      : address_(std::move(address)), plan_(plan), tally_(tally), epoch_(EpochId::make()) {}

  void run() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + plan_.time);
    const auto stub = link::v1::Link::NewStub(
        grpc::CreateInsecureChannelFromFd("centre", connect_from(address_, plan_.centre)));
    stream_ = stub->Connect(&context);
    say_hello();
    CentreFrame frame;
    while (stream_->Read(&frame)) take(frame);
    stream_->Finish();
  }

 private:
  void say_hello() {
    BoxFrame frame;
    auto& hello = *frame.mutable_hello();
    hello.set_major(link::protocol_major);
    hello.set_minor_min(link::protocol_minor_min);
    hello.set_minor(link::protocol_minor);
    hello.set_software("bench");
    hello.set_box_time_us(wall_now_us());
    for (const Lane lane : all_lanes) {
      auto& range = *hello.add_ranges();
      range.set_epoch(epoch_.value);
      range.set_lane(static_cast<std::uint32_t>(lane));
      range.set_first_unsettled(1);
    }
    stream_->Write(frame);
  }

  void take(const CentreFrame& frame) {
    if (frame.has_welcome()) {
      ++tally_.up;
      send_record();
    } else if (frame.has_settled() && frame.settled().verdict() == link::v1::Settled::STORED) {
      ++tally_.stored;
      send_record();
    } else if (frame.has_beat()) {
      answer(frame.beat());
    }
  }

  void send_record() {
    if (sent_ == plan_.records) return;
    ++sent_;
    Envelope envelope;
    envelope.listener = "lan";
    envelope.device = envelope.device_address = "192.168.10.21";
    envelope.reverse_path = "cam1@edge.internal";
    envelope.recipients = {"alarm@edge.internal"};
    const std::string bytes = encode_envelope(envelope);
    const std::string body(1024, 'x');
    RecordHasher hasher(bytes);
    hasher.update(body);
    const Hash hash = hasher.finish();
    BoxFrame frame;
    auto& record = *frame.mutable_record();
    record.set_epoch(epoch_.value);
    record.set_lane(static_cast<std::uint32_t>(Lane::live_alarm));
    record.set_seq(static_cast<std::uint64_t>(sent_));
    record.set_alarm_id(std::string(AlarmId::make(wall_now_us()).view()));
    record.set_hash(std::string(view(hash)));
    record.set_envelope(bytes);
    record.set_size(body.size());
    record.set_data(body);
    record.set_accepted_us(wall_now_us());
    record.set_spooled_us(wall_now_us());
    stream_->Write(frame);
  }

  void answer(const link::v1::Beat& heard) {
    BoxFrame frame;
    auto& beat = *frame.mutable_beat();
    beat.set_number(++beats_);
    beat.set_time_us(wall_now_us());
    beat.set_echo_number(heard.number());
    beat.set_echo_time_us(heard.time_us());
    stream_->Write(frame);
  }

  std::string address_;
  const Plan& plan_;
  Tally& tally_;
  EpochId epoch_;
  int sent_ = 0;
  std::uint64_t beats_ = 0;
  std::unique_ptr<grpc::ClientReaderWriter<BoxFrame, CentreFrame>> stream_;
};

std::vector<std::string> read_lines(const char* path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

int run(const Plan& plan, const std::vector<std::string>& addresses) {
  Tally tally;
  std::vector<std::thread> threads;
  for (const std::string& address : addresses)
    threads.emplace_back([&plan, &tally, address] {
      try {
        Box(address, plan, tally).run();
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
      }
    });
  for (auto& thread : threads) thread.join();
  std::printf("%d boxes up, %d records stored\n", tally.up.load(), tally.stored.load());
  const int boxes = static_cast<int>(addresses.size());
  return tally.up == boxes && tally.stored == boxes * plan.records ? 0 : 1;
}

}  // namespace
}  // namespace alarmwire::bench

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("bench_boxes CENTRE_ADDRESS PORT ADDRESS_FILE RECORDS_PER_BOX SECONDS\n", stderr);
    return 2;
  }
  alarmwire::bench::Plan plan;
  plan.centre = alarmwire::bench::ipv6(argv[1], std::atoi(argv[2]));
  plan.records = std::atoi(argv[4]);
  plan.time = std::chrono::seconds(std::atoi(argv[5]));
  return alarmwire::bench::run(plan, alarmwire::bench::read_lines(argv[3]));
}
