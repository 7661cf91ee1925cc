import Dispatch
import Foundation

/// When a process that a user started is to end.
enum Termination {
    /// Returns when SIGTERM or SIGINT has come.
    static func signal() async {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let sources = [SIGTERM, SIGINT].map { number in
            Foundation.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { continuation.yield() }
            source.activate()
            return source
        }
        for await _ in signals { break }
        for source in sources { source.cancel() }
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
