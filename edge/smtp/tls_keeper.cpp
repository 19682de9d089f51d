#include "edge/smtp/tls_keeper.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <utility>

#include "edge/smtp/messages.hpp"

namespace alarmwire::smtp {
namespace {

constexpr std::int64_t day_s = 24 * 3600;

std::string in_words(std::int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&time, &parts) == nullptr) return "?";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return text.data();
}

std::string in_words(const CertificateNames& names) {
  std::string text;
  for (const auto* list : {&names.hosts, &names.addresses}) {
    for (const std::string& name : *list) text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// As inet_ntop writes it, which is how it is read back from a certificate; "" for what is none.
std::string usual_form(const std::string& address) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, address.c_str(), bytes.data()) == 1)
      return inet_ntop(family, bytes.data(), text.data(), text.size());
  }
  return {};
}

std::string reachable_address(const ifaddrs& entry) {
  constexpr unsigned unwanted = IFF_LOOPBACK | IFF_POINTOPOINT;
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & unwanted) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    return inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  }
  if (entry.ifa_addr->sa_family != AF_INET6) return {};
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr);
  if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return {};
  return inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
}

void add_all_of_this_machine(std::set<std::string>& addresses) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::string address = reachable_address(*entry);
    if (!address.empty() && addresses.size() < certificate_names_max) addresses.insert(address);
  }
  freeifaddrs(list);
}

}  // namespace

CertificateNames certificate_names(const Config& config) {
  CertificateNames names;
  names.common_name = config.hostname;
  names.hosts.insert(config.hostname);
  names.hosts.insert(config.tls.names.begin(), config.tls.names.end());
  bool all = false;
  for (const ListenerConfig& listener : config.listeners) {
    if (!listener.hostname.empty()) names.hosts.insert(listener.hostname);
    const std::string address = usual_form(listener.address);
    if (address == "0.0.0.0" || address == "::") {
      all = true;
    } else if (!address.empty()) {
      names.addresses.insert(address);
    }
  }
  for (const std::string& address : config.tls.addresses) {
    if (std::string form = usual_form(address); !form.empty()) names.addresses.insert(form);
  }
  if (all) add_all_of_this_machine(names.addresses);
  return names;
}

void TlsKeeper::refresh(const Config& config, WallTimeUs now, bool forced) {
  if (config.tls.directory.empty() && config.tls.certificate_file.empty()) return;
  CertificateNames names = certificate_names(config);
  const std::int64_t left_s = identity_.not_after_s - now / 1'000'000;
  const bool own = !identity_.ca_pem.empty();
  const bool due = own && left_s <= certificate_renew_days * day_s;
  if (!forced && !identity_.keys.empty() && !due && (!own || names == names_)) {
    return warn_before_end(now);
  }
  Result<Identity> fresh = own_files_or_own_ca(config, names, now);
  if (fresh.has_error()) {
    if (std::exchange(trouble_, fresh.error().diagnostics) != trouble_)
      log::write(SMTP_CERTIFICATE_UNUSABLE, {{"reason", trouble_}});
    return;
  }
  names_ = std::move(names);
  use(std::move(*fresh), config, now);
}

Result<Identity> TlsKeeper::own_files_or_own_ca(const Config& config, const CertificateNames& names,
                                                WallTimeUs now) const {
  if (!config.tls.certificate_file.empty()) {
    Result<Identity> files = identity_from_files(config.tls.certificate_file, config.tls.key_file);
    // Good ones are not given up for a file that is half written.
    if (files.has_value() || !identity_.keys.empty() || config.tls.directory.empty()) return files;
    log::write(SMTP_CERTIFICATE_UNUSABLE, {{"reason", files.error().diagnostics}});
  }
  return own_identity(config.tls.directory, names, now);
}

void TlsKeeper::use(Identity identity, const Config& config, WallTimeUs now) {
  std::map<int, std::shared_ptr<const TlsContext>> contexts;
  std::string trouble;
  for (const ListenerConfig& listener : config.listeners) {
    if (listener.tls == TlsMode::off || contexts.count(listener.tls_level) != 0) continue;
    auto made = TlsContext::make(identity.keys, listener.tls_level);
    if (made.has_error()) {
      trouble = "listener " + listener.name + ": " + made.error().diagnostics;
      made = contexts_[listener.tls_level];
    }
    contexts[listener.tls_level] = *made;
  }
  if (std::exchange(trouble_, trouble) != trouble && !trouble.empty())
    log::write(SMTP_CERTIFICATE_UNUSABLE, {{"reason", trouble}});
  contexts_ = std::move(contexts);
  const bool is_new = identity.fingerprint != identity_.fingerprint;
  identity_ = std::move(identity);
  if (is_new) {
    log::write(SMTP_CERTIFICATE_IN_USE, {{"names", in_words(identity_.names)},
                                         {"valid_until", in_words(identity_.not_after_s)},
                                         {"fingerprint", identity_.fingerprint},
                                         {"ca_fingerprint", identity_.ca_fingerprint},
                                         {"made_now", identity_.made ? "yes" : "no"}});
  }
  warn_before_end(now);
}

// Our own are renewed long before.
void TlsKeeper::warn_before_end(WallTimeUs now) {
  const std::int64_t today = now / 1'000'000 / day_s;
  const std::int64_t left_days = identity_.not_after_s / day_s - today;
  if (identity_.keys.empty() || left_days > certificate_warn_days || warned_on_day_ == today)
    return;
  warned_on_day_ = today;
  log::write(SMTP_CERTIFICATE_ENDS,
             {{"valid_until", in_words(identity_.not_after_s)}, {"days_left", left_days}});
}

std::shared_ptr<const TlsContext> TlsKeeper::context(int level) const {
  const auto found = contexts_.find(level);
  return found == contexts_.end() ? nullptr : found->second;
}

}  // namespace alarmwire::smtp
