import BenchmarkSupport
import Foundation
import Synchronization

/// Something that happens again and again beside what is measured, on a thread of its own.
final class BackgroundLoop {
    private final class State: Sendable {
        let isToEnd = Atomic(false)
        let turns = Atomic(0)
    }

    private let state = State()
    private let thread: Thread

    /// - Parameters:
    ///   - pause: after each turn.
    ///   - turn: returns soon.
    init(pause: Duration, _ turn: @escaping @Sendable () -> Void) {
        let state = state
        thread = Thread {
            repeat {
                turn()
                state.turns.add(1, ordering: .relaxed)
                usleep(UInt32(pause.milliseconds * 1000))
            } while !state.isToEnd.load(ordering: .relaxed)
        }
        thread.start()
    }

    deinit { state.isToEnd.store(true, ordering: .relaxed) }

    /// Waits for the end of the present turn; there is at least one.
    ///
    /// - Returns: how many turns there were.
    func stop() throws -> Int {
        state.isToEnd.store(true, ordering: .relaxed)
        try Interruption.poll(every: .milliseconds(5), for: .seconds(60), what: "The end of what ran beside") {
            thread.isFinished ? () : nil
        }
        return state.turns.load(ordering: .relaxed)
    }
}
