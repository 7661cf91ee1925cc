import NIOCore

/// The asking side of a connection on which answers come in the order of their questions.
final class Exchange<Message: Codable & Sendable>: Sendable {
    private let channel: any Channel
    private let answers: NIOLoopBound<AnswerHandler<Message>>

    /// Takes the channel over. To be called on its event loop, before it is active.
    init(_ channel: any Channel) throws {
        let handler = AnswerHandler<Message>()
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addJSONFrames(of: Message.self)
        try pipeline.addHandler(handler)
        self.channel = channel
        answers = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// Fulfilled when the connection has ended, whoever ended it.
    var ended: EventLoopFuture<Void> { channel.closeFuture }

    /// Sends what has no answer. If the connection has ended, nobody misses it.
    func tell(_ message: Message) {
        channel.writeAndFlush(message, promise: nil)
    }

    /// Sends a question; returns its answer, or throws `ConnectionEnded` when the connection ends first.
    ///
    /// - Parameter sent: called when the question is on its way.
    func ask(_ message: Message, sent: @escaping @Sendable () -> Void = {}) async throws -> Message {
        try await channel.eventLoop.flatSubmit { [channel, answers] in
            answers.value.ask(message, sent: sent, on: channel)
        }.get()
    }

    /// The process at the other end.
    func peer() async throws -> PeerCredentials {
        try await PeerCredentials.of(channel)
    }

    func close() {
        channel.close(promise: nil)
    }
}

/// The connection is over, and with it what was asked on it.
struct ConnectionEnded: Error, CustomStringConvertible {
    var description: String { "the connection ended" }
}

private final class AnswerHandler<Message: Codable & Sendable>: ChannelInboundHandler {
    typealias InboundIn = Message

    private var waiting: CircularBuffer<EventLoopPromise<Message>> = []

    func ask(
        _ message: Message, sent: @escaping @Sendable () -> Void, on channel: any Channel
    ) -> EventLoopFuture<Message> {
        guard channel.isActive else { return channel.eventLoop.makeFailedFuture(ConnectionEnded()) }
        let promise = channel.eventLoop.makePromise(of: Message.self)
        waiting.append(promise)
        channel.writeAndFlush(message).whenSuccess { sent() }
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.popFirst()?.succeed(Self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        while let promise = waiting.popFirst() { promise.fail(ConnectionEnded()) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        log("a connection between processes broke", ["error": "\(error)"])
        context.close(promise: nil)
    }
}
