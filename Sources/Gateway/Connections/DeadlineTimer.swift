import NIOCore

/// One deadline that moves with every request. The event loop is asked to wake us far less often than it moves: when the
/// wake-up comes too early, it asks again.
final class DeadlineTimer {
    private let eventLoop: any EventLoop
    private let whenPassed: () -> Void
    private var deadline: NIODeadline?
    private var wakeUp: (at: NIODeadline, task: Scheduled<Void>)?

    init(eventLoop: any EventLoop, _ whenPassed: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.whenPassed = whenPassed
    }

    func set(in time: TimeAmount) {
        let deadline = eventLoop.now + time
        self.deadline = deadline
        if let wakeUp, wakeUp.at <= deadline { return }
        wakeUp?.task.cancel()
        schedule(deadline)
    }

    func clear() { deadline = nil }

    /// For good: nothing of this is held by the event loop afterwards.
    func cancel() {
        deadline = nil
        wakeUp?.task.cancel()
        wakeUp = nil
    }

    private func schedule(_ at: NIODeadline) {
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: at) { self.wake() }
        wakeUp = (at, task)
    }

    private func wake() {
        wakeUp = nil
        guard let deadline else { return }
        if deadline <= eventLoop.now {
            self.deadline = nil
            whenPassed()
        } else {
            schedule(deadline)
        }
    }
}
