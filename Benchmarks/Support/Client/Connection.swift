import Glibc

/// A connected socket. Blocking with a deadline, and nothing between it and the kernel, so that a timestamp is that of the
/// arrival and not that of some event loop's turn.
final class Connection {
    /// Nobody listens there (yet).
    struct Refused: Error, CustomStringConvertible { let description = "Nobody listens there." }

    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// - Throws: `Refused`, or a `BenchmarkError`.
    init(to endpoint: Endpoint, by deadline: Instant) throws {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        descriptor = socket(endpoint.family, kind, 0)
        guard descriptor >= 0 else { throw BenchmarkError("No socket can be made: \(errnoText(errno))") }
        if endpoint.family == AF_INET {
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        if try endpoint.withAddress({ connect(descriptor, $0, $1) }) == 0 { return }
        var failure = errno
        if failure == EINPROGRESS {
            try wait(for: POLLOUT, by: deadline, what: "connecting to \(endpoint)")
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length)
        }
        switch failure {
        case 0: return
        case ECONNREFUSED, ENOENT: throw Refused()
        default: throw BenchmarkError("Connecting to \(endpoint) failed: \(errnoText(failure))")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func send(_ bytes: [UInt8], by deadline: Instant) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, by: deadline, what: "sending")
            } else if errno != EINTR {
                throw BenchmarkError("Sending failed: \(errnoText(errno))")
            }
        }
    }

    /// What has arrived, and when; empty at the end of the connection.
    func receive(by deadline: Instant) throws -> (bytes: ArraySlice<UInt8>, at: Instant) {
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            let now = Instant.now
            if count >= 0 { return (buffer[..<count], now) }
            if errno == EAGAIN {
                try wait(for: POLLIN, by: deadline, what: "an answer")
            } else if errno != EINTR {
                throw BenchmarkError("Receiving failed: \(errnoText(errno))")
            }
        }
    }

    private func wait(for events: Int32, by deadline: Instant, what: String) throws {
        while true {
            try Interruption.check()
            let left = Instant.now.duration(to: deadline).milliseconds
            guard left > 0 else { throw BenchmarkError("The time for \(what) is over.") }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            // In slices, so that Ctrl-C is noticed.
            if poll(&entry, 1, Int32(min(left.rounded(.up), 200))) > 0 { return }
        }
    }
}
