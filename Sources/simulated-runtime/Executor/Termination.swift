@preconcurrency import Dispatch
import Foundation
import Synchronization

/// When a process that a user started is to end: it takes SIGTERM and SIGINT from when this is made.
final class Termination: Sendable {
    private let isAskedFor = Atomic(false)
    private let signals: AsyncStream<Void>
    private let sources: [any DispatchSourceSignal]

    /// Whether one of the signals has come.
    var hasCome: Bool { isAskedFor.load(ordering: .acquiring) }

    init() {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        self.signals = signals
        sources = [SIGTERM, SIGINT].map { number in
            Foundation.signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number)
        }
        for source in sources {
            source.setEventHandler { [weak self] in
                self?.isAskedFor.store(true, ordering: .releasing)
                continuation.yield()
            }
            source.activate()
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }

    /// Returns when one of the signals has come.
    func signal() async {
        for await _ in signals { break }
    }

    /// Returns when standard input has ended. What comes in is not looked at.
    static func endOfInput() async {
        await withCheckedContinuation { continuation in
            // A thread of its own: reading blocks, and /dev/null and files cannot be watched.
            Thread.detachNewThread {
                var bytes = [UInt8](repeating: 0, count: 4096)
                while read(STDIN_FILENO, &bytes, bytes.count) > 0 {}
                continuation.resume()
            }
        }
    }
}
