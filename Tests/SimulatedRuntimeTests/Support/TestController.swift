import ControlProtocol
import Foundation
import NIOCore

/// A controller just large enough to drive the runtime: one thread, blocking, every wait bounded.
final class TestController {
    /// What a connection of a process has said and the test has not looked at yet.
    private struct Connection {
        let descriptor: Int32
        var buffer = ByteBuffer()
        var process: String?
    }

    static let patience = 30.0

    let path: String
    let orphanTimeoutMilliseconds: Int
    /// If set, every `hello` is refused with this reason.
    var refusal: String?
    private var listener: Int32 = -1
    private var connections: [Connection] = []
    private var inbox: [(process: String, frame: IncomingFrame)] = []
    private var requests = 0

    init(path: String, orphanTimeoutMilliseconds: Int) throws {
        self.path = path
        self.orphanTimeoutMilliseconds = orphanTimeoutMilliseconds
        try open()
    }

    deinit {
        close()
    }

    /// Listens, as a controller that has just started does.
    func open() throws {
        unlink(path)
        listener = try UnixSocket.listen(path)
    }

    /// Vanishes, as a controller that was killed does.
    func close() {
        for connection in connections { Glibc.close(connection.descriptor) }
        connections = []
        inbox = []
        if listener >= 0 { Glibc.close(listener) }
        listener = -1
        unlink(path)
    }

    func nextID() -> Int {
        requests += 1
        return requests
    }

    func send(_ message: ControlMessage, to process: String) throws {
        var frame = ByteBuffer()
        try FrameCodec.encode(message, into: &frame)
        try send(frame, to: process)
    }

    func send(_ bytes: ByteBuffer, to process: String) throws {
        guard let connection = connections.last(where: { $0.process == process }) else {
            throw TestFailure("\(process) is not connected")
        }
        try UnixSocket.write(Array(bytes.readableBytesView), to: connection.descriptor)
    }

    /// The first message of this process that `select` takes; those before it stay for others.
    func next<Found>(from process: String, _ select: (ControlMessage) -> Found?) throws -> Found {
        let deadline = Date.now + Self.patience
        var seen = 0
        while true {
            while seen < inbox.count {
                if inbox[seen].process == process, case .message(let message) = inbox[seen].frame,
                    let found = select(message)
                {
                    inbox.remove(at: seen)
                    return found
                }
                seen += 1
            }
            guard try pump(until: deadline) else {
                throw TestFailure("waited in vain for \(process); there is \(inbox)")
            }
        }
    }

    /// Returns when the process has no connection any more.
    func awaitEnd(of process: String) throws {
        let deadline = Date.now + Self.patience
        while connections.contains(where: { $0.process == process }) {
            guard try pump(until: deadline) else { throw TestFailure("\(process) is still connected") }
        }
    }

    /// Ends the connection of one process.
    func drop(_ process: String) {
        for connection in connections where connection.process == process {
            // The rest is as if the other side had ended it.
            shutdown(connection.descriptor, Int32(SHUT_RDWR))
        }
    }

    /// How an executor is called here: its process's id is that of its core, or empty.
    static func executor(of process: String) -> String { "executor of '\(process)'" }

    /// Answers pings' askers and the like: sends a request and returns its answer.
    func ask(_ process: String, _ make: (Int) -> ControlMessage) throws -> ControlMessage {
        let id = nextID()
        try send(make(id), to: process)
        return try next(from: process) { $0.answeredID == id ? $0 : nil }
    }

    /// Takes in what comes next; false if nothing came in time.
    private func pump(until deadline: Date) throws -> Bool {
        var polled = ([listener] + connections.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let ready = poll(&polled, nfds_t(polled.count), Int32(max(0, deadline.timeIntervalSinceNow * 1000)))
        guard ready > 0 else { return false }
        for index in connections.indices.reversed() where polled[index + 1].revents != 0 {
            try read(index)
        }
        if polled[0].revents != 0 {
            connections.append(Connection(descriptor: try UnixSocket.accept(listener)))
        }
        return true
    }

    private func read(_ index: Int) throws {
        let bytes = UnixSocket.read(connections[index].descriptor)
        guard !bytes.isEmpty else {
            Glibc.close(connections[index].descriptor)
            connections.remove(at: index)
            return
        }
        connections[index].buffer.writeBytes(bytes)
        while let frame = try FrameCodec.decodeNext(from: &connections[index].buffer) {
            if case .message(.hello(let hello)) = frame {
                let process = hello.role == .executor ? Self.executor(of: hello.process) : hello.process
                connections[index].process = process
                inbox.append((process, frame))
                try welcome(hello, process)
            } else if let process = connections[index].process {
                inbox.append((process, frame))
            } else {
                throw TestFailure("a connection began with \(frame)")
            }
        }
    }

    private func welcome(_ hello: Hello, _ process: String) throws {
        if let refusal {
            try send(.refused(Refused(re: hello.id, reason: refusal)), to: process)
        } else {
            let welcome = Welcome(
                re: hello.id, epoch: hello.epoch, orphanTimeoutMilliseconds: orphanTimeoutMilliseconds)
            try send(.welcome(welcome), to: process)
        }
    }
}

/// A test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
