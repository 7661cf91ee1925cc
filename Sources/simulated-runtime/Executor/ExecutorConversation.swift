import ControlProtocol
import NIOCore

/// Requests and answers on an executor's control connection.
final class ExecutorConversation: ChannelInboundHandler {
    typealias InboundIn = IncomingFrame
    typealias OutboundOut = ControlMessage

    private struct Question {
        let promise: EventLoopPromise<ControlMessage>
        let deadline: Scheduled<Void>
    }

    private let duties: ExecutorLink.Duties
    private var waiting: [Int: Question] = [:]
    private var lastID = 0

    init(duties: ExecutorLink.Duties) {
        self.duties = duties
    }

    func ask(
        _ make: (_ id: Int, _ deadline: Int) -> ControlMessage, within limit: Duration,
        sent: @escaping @Sendable () -> Void, on channel: any Channel
    ) -> EventLoopFuture<ControlMessage> {
        guard channel.isActive else { return channel.eventLoop.makeFailedFuture(ConnectionEnded()) }
        lastID += 1
        let id = lastID
        let message = make(id, Int(limit.milliseconds))
        let promise = channel.eventLoop.makePromise(of: ControlMessage.self)
        let deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
            self.settle(id, .failure(ExecutorError.deadlinePassed(what: Self.name(of: message))))
        }
        waiting[id] = Question(promise: promise, deadline: deadline)
        channel.writeAndFlush(message).whenSuccess { sent() }
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        guard case .message(let message) = frame else {
            if let refusal = frame.refusal { write(refusal, context) }
            return
        }
        if let id = message.answeredID { return settle(id, .success(message)) }
        switch message {
        case .ping(let ping):
            let bytes = ping.asksForMemory ? PrivateMemory.bytes() : nil
            write(.pong(Pong(re: ping.id, progress: duties.progress(), privateBytes: bytes)), context)
        case .leaseRevoke(let revoke): letGo(revoke, context)
        default: write(.error(ProtocolError(reason: "an executor does not take this message")), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for id in waiting.keys { settle(id, .failure(ConnectionEnded())) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        log("the executor's control connection broke", ["error": "\(error)"])
        context.close(promise: nil)
    }

    private func letGo(_ revoke: LeaseRevoke, _ context: ChannelHandlerContext) {
        let (duties, channel) = (duties, context.channel)
        let decision = context.eventLoop.makePromise(of: Bool.self)
        decision.completeWithTask { await duties.revoke(revoke) }
        decision.futureResult.whenSuccess { isOurs in
            guard isOurs else {
                let reason = "\(revoke.engine) of this generation has no workers here"
                return channel.writeAndFlush(ControlMessage.failed(Failed(re: revoke.id, reason: reason)), promise: nil)
            }
            // Also where the controller is gone before it is told.
            channel.writeAndFlush(ControlMessage.done(Done(re: revoke.id))).whenComplete { _ in duties.revoked() }
        }
    }

    private func settle(_ id: Int, _ result: Result<ControlMessage, any Error>) {
        // An answer that nobody waits for any more is dropped.
        guard let question = waiting.removeValue(forKey: id) else { return }
        question.deadline.cancel()
        question.promise.completeWith(result)
    }

    private func write(_ message: ControlMessage, _ context: ChannelHandlerContext) {
        context.writeAndFlush(Self.wrapOutboundOut(message), promise: nil)
    }

    private static func name(of message: ControlMessage) -> String {
        switch message {
        case .hello: "hello"
        case .leaseRequest: "lease.request"
        case .leaseRelease: "lease.release"
        default: "a request"
        }
    }
}
