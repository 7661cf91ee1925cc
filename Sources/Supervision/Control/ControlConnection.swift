import ControlProtocol
import Logging
import NIOCore
import Scheduling

/// The controller's end of one process's connection: numbers requests, finds their answers, keeps their deadlines.
actor ControlConnection {
    /// Who dialled, as the kernel says.
    nonisolated let peer: PeerCredentials
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var lastID = 0
    private var pending: [Int: Pending] = [:]
    private var isClosed = false
    /// Requests that may wait for their answers at once.
    private static let mostPending = 64

    private struct Pending {
        let continuation: CheckedContinuation<ControlMessage, any Error>
        let deadline: Task<Void, Never>
    }

    init(peer: PeerCredentials, outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.peer = peer
        self.outbound = outbound
    }

    /// Sends what wants no answer.
    func send(_ message: ControlMessage) async throws {
        try await outbound.write(try Self.frame(message))
    }

    /// Encoded here rather than in the pipeline, where one message that is too long would fail all that follow.
    private static func frame(_ message: ControlMessage) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        do {
            try FrameCodec.encode(message, into: &buffer)
        } catch {
            throw ControllerError(.badRequest, "A control message cannot be sent: \(error)")
        }
        return buffer
    }

    /// Sends a request and waits for its answer.
    ///
    /// - Parameter make: the request, for the id and deadline (in milliseconds) that it shall carry.
    /// - Throws: `ControllerError` if no answer came in time, or the connection ended, or the answer was `failed` or `error`.
    func request(
        within limit: Duration, _ make: @Sendable (_ id: Int, _ deadline: Int) -> ControlMessage
    ) async throws -> ControlMessage {
        guard !isClosed else { throw Self.ended }
        guard pending.count < Self.mostPending else {
            throw ControllerError(
                .internal, "A process has \(pending.count) unanswered control requests; it gets no more.")
        }
        lastID += 1
        let id = lastID
        let frame = try Self.frame(make(id, Int(limit.milliseconds)))
        let answer = try await withCheckedThrowingContinuation { continuation in
            let deadline = Task {
                guard (try? await Task.sleep(for: limit)) != nil else { return }
                self.expire(id, after: limit)
            }
            pending[id] = Pending(continuation: continuation, deadline: deadline)
            writeRequest(frame, id: id)
        }
        switch answer {
        case .failed(let failed): throw ControllerError(.startFailed, failed.reason)
        case .error(let error): throw ControllerError(.internal, "A process did not understand us: \(error.reason)")
        default: return answer
        }
    }

    /// Takes an answer. One that nobody waits for (any more) changes nothing.
    func answered(_ message: ControlMessage, id: Int) {
        guard let waiter = pending.removeValue(forKey: id) else { return }
        waiter.deadline.cancel()
        waiter.continuation.resume(returning: message)
    }

    /// The connection has ended: nothing will be answered any more.
    func ended() {
        isClosed = true
        for waiter in pending.values {
            waiter.deadline.cancel()
            waiter.continuation.resume(throwing: Self.ended)
        }
        pending = [:]
        outbound.finish()
    }

    private func expire(_ id: Int, after limit: Duration) {
        guard let waiter = pending.removeValue(forKey: id) else { return }
        waiter.continuation.resume(
            throwing: ControllerError(.deadlinePassed, "A process did not answer within \(limit.milliseconds) ms."))
    }

    /// Runs beside the wait for the answer, which it ends if the write fails.
    private func writeRequest(_ frame: ByteBuffer, id: Int) {
        Task {
            do {
                try await outbound.write(frame)
            } catch {
                guard let waiter = pending.removeValue(forKey: id) else { return }
                waiter.deadline.cancel()
                waiter.continuation.resume(throwing: Self.ended)
            }
        }
    }

    private static let ended = ControllerError(.startFailed, "The process's control connection ended.")
}

/// The peer of a Unix socket, laid out as the kernel's `struct ucred`.
struct PeerCredentials: Sendable {
    var pid: Int32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
}
