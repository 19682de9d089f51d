"""Bad days of one world: trouble comes and goes, a mail is sent, its time to EBÜS is printed."""

import time

from .case import EndToEnd
from .mails import plain_mail, send
from .world import World


class BadDays(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.box, cls.centre = cls.world.box, cls.world.centre

    def setUp(self):
        self.name = self._testMethodName.removeprefix("test_")
        self.box.wait_for_link(60)

    def accept(self, what):
        """One mail of this day; it must be answered 250, whatever the trouble."""
        reply = send(self.box, plain_mail(f"{self.name}-{what}"), f"{self.name}-{what}")
        self.assertTrue(reply.accepted, reply)
        return reply

    def arrive(self, replies, within_s):
        """Seconds from now until all of them are at EBÜS."""
        began = time.monotonic()
        missing = self.centre.mailbox.wait_for([reply.test_id for reply in replies], within_s)
        self.assert_none_missing(missing)
        return time.monotonic() - began

    def send_after_the_trouble(self, within_s):
        began = time.monotonic()
        self.arrive([self.accept("after")], within_s)
        self.say(f"{self.name}: at EBÜS after {time.monotonic() - began:.2f} s")
