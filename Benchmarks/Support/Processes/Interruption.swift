import CPlatform
import Dispatch
import Glibc
import Synchronization

/// Ctrl-C and SIGTERM: every wait of the benchmark ends with an error, and so everything that it started is ended.
package enum Interruption {
    private static let isRequested = Atomic(false)

    /// Lasts as long as what it returns.
    package static func watch() -> [any DispatchSourceSignal] {
        wc_ignore_sigpipe()
        return [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { isRequested.store(true, ordering: .relaxed) }
            source.resume()
            return source
        }
    }

    package static func check() throws {
        if isRequested.load(ordering: .relaxed) { throw BenchmarkError("Interrupted.") }
    }

    /// - Throws: when interrupted meanwhile.
    package static func sleep(_ duration: Duration) throws {
        let end = Instant.now + duration
        while true {
            try check()
            let left = Instant.now.duration(to: end).milliseconds
            guard left > 0 else { return }
            usleep(UInt32(min(left, 200) * 1000))
        }
    }

    /// Asks again and again until there is an answer.
    ///
    /// - Parameter what: for the error when the time is over.
    package static func poll<Result>(
        every interval: Duration, for limit: Duration, what: String, _ body: () throws -> Result?
    ) throws -> Result {
        let end = Instant.now + limit
        while true {
            let next = Instant.now + interval
            if let result = try body() { return result }
            guard .now < end else { throw BenchmarkError("\(what): not within \(limit).") }
            try sleep(max(.zero, Instant.now.duration(to: next)))
        }
    }
}
