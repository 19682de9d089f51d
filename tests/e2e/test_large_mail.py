#!/usr/bin/python3
"""A mail of 25 MiB passes, and no daemon's memory grows with it."""

from harness.case import EndToEnd, main
from harness.mails import plain_mail, send
from harness.process import resident_kib
from harness.world import World

SIZE = 25 * 1024 * 1024
WARM_UP_SIZE = 8 * 1024 * 1024  # fills every window, cache and buffer once
GROWTH_MAX_KIB = 6 * 1024
WORDS = {"edge": 64, "receiver": 256}  # MiB a daemon may have at its height


class LargeMail(EndToEnd):
    def test_25_mib_pass_with_flat_memory(self):
        with World() as world:
            programs = {"edge": world.box.edge, "receiver": world.centre.receiver}
            for number in range(3):
                send(world.box, plain_mail(f"warm-{number}", size_bytes=WARM_UP_SIZE), timeout_s=60)
            warm = [f"warm-{number}" for number in range(3)]
            self.assert_none_missing(world.centre.mailbox.wait_for(warm, 60))
            before = {name: resident_kib(p.pid, "VmHWM") for name, p in programs.items()}
            content = plain_mail("large", size_bytes=SIZE)
            reply = send(world.box, content, "large", timeout_s=60)
            self.assertTrue(reply.accepted, reply)
            self.assert_none_missing(world.centre.mailbox.wait_for(["large"], 90))
            arrived = world.centre.mailbox.find("large")[0]
            self.assertTrue(arrived.content.endswith(content), "bytes changed on the way")
            for name, program in programs.items():
                after = resident_kib(program.pid, "VmHWM")
                self.say(f"{name}: at most {after / 1024:.1f} MiB, before the mail "
                         f"{before[name] / 1024:.1f}; answered in {reply.seconds:.1f} s")
                self.assertLess(after - before[name], GROWTH_MAX_KIB, name)
                self.assertLess(after, WORDS[name] * 1024, name)


if __name__ == "__main__":
    main()
