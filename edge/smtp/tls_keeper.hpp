// Keeps the door's certificate good: reads or makes it, renews it in time and when the box's
// addresses change, and has a TLS context ready for each security level in use.
//
// A certificate that cannot be used never keeps the door shut: the one before stays; with own files
// that are no good at the start, the box's own CA takes their place; without any, TLS is not
// offered. Thread-safety: the door's one thread. Making the first keys takes up to a second.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/clock.hpp"
#include "edge/smtp/certificate.hpp"
#include "edge/smtp/config.hpp"
#include "edge/smtp/tls_context.hpp"

namespace alarmwire::smtp {

inline constexpr std::int64_t certificate_warn_days =
    30;  // before somebody else's certificate ends

// Host names and addresses of the configuration; where a listener listens on all addresses, those
// of this machine's interfaces, without loopback, link-local ones and tunnels.
CertificateNames certificate_names(const Config& config);

class TlsKeeper {
 public:
  // Start-up, SIGHUP, and once a minute. `forced`: own files are read again in any case.
  void refresh(const Config& config, WallTimeUs now, bool forced);

  // Null: no certificate, or none that is allowed at this level.
  std::shared_ptr<const TlsContext> context(int level) const;
  const Identity& identity() const { return identity_; }

 private:
  Result<Identity> own_files_or_own_ca(const Config& config, const CertificateNames& names,
                                       WallTimeUs now) const;
  void use(Identity identity, const Config& config, WallTimeUs now);
  void warn_before_end(WallTimeUs now);

  CertificateNames names_;
  Identity identity_;
  std::map<int, std::shared_ptr<const TlsContext>> contexts_;
  std::string trouble_;             // the last one, logged once
  std::int64_t warned_on_day_ = 0;  // since 1970
};

}  // namespace alarmwire::smtp
