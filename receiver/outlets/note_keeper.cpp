#include "receiver/outlets/note_keeper.hpp"

#include "receiver/outlets/messages.hpp"

namespace alarmwire::outlets {

void NoteKeeper::set_callbacks(OnDurable on_durable, std::function<void()> on_delayed) {
  const std::lock_guard lock(mutex_);
  on_durable_ = std::move(on_durable);
  on_delayed_ = std::move(on_delayed);
}

void NoteKeeper::write(Note note) {
  {
    const std::lock_guard lock(mutex_);
    open_ += (note.mark ? 1u : 0u) + (note.hand_over ? 1u : 0u);
  }
  if (note.mark) write_mark(note);
  if (note.hand_over) write_hand_over(note);
}

void NoteKeeper::write_mark(const Note& note) {
  Note part = note;
  part.hand_over.reset();
  auto done = [self = shared_from_this(), part](const Result<void>& result) {
    const Failure failure = result ? Failure() : result.error();
    self->settled(part, result ? nullptr : &failure);
  };
  ledger_.mark_stage(note.box, note.id, *note.mark, std::move(done));
}

void NoteKeeper::write_hand_over(const Note& note) {
  Note part = note;
  part.mark.reset();
  auto done = [self = shared_from_this(), part](const Result<void>& result) {
    const Failure failure = result ? Failure() : result.error();
    self->settled(part, result ? nullptr : &failure);
  };
  ledger_.set_hand_over(outlet_, *note.hand_over, std::move(done));
}

void NoteKeeper::settled(Note part, const Failure* failure) {
  const std::lock_guard lock(mutex_);
  --open_;
  // A note about a record that is gone is nobody's loss. One that is not lasting is overtaken by
  // the next: written late it would undo that one.
  const bool done = failure == nullptr || failure->is(Errc::not_found);
  if (!done && part.lasting) {
    log::write(
        OUTLETS_NOTE_DELAYED,
        {{"outlet", outlet_}, {"alarm", part.id.to_string()}, {"why", failure->diagnostics}});
    delayed_.push_back(std::move(part));
    if (on_delayed_) on_delayed_();
  } else if (done && part.hand_over && part.lasting && on_durable_) {
    on_durable_(part.box, part.hand_over->lane);
  }
  idle_.notify_all();
}

void NoteKeeper::write_delayed() {
  std::deque<Note> delayed;
  {
    const std::lock_guard lock(mutex_);
    delayed.swap(delayed_);
  }
  for (Note& note : delayed) write(std::move(note));
}

bool NoteKeeper::wait_idle(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, most, [this] { return open_ == 0; });
}

}  // namespace alarmwire::outlets
