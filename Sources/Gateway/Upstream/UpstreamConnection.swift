import NIOCore
import NIOHTTP1

/// Who gets a response part by part. Called on the event loop, in this order; nothing comes after `upstreamEnded` or
/// `upstreamLost`.
protocol UpstreamReceiver: AnyObject {
    func upstreamAnswered(_ head: HTTPResponseHead)
    func upstreamSent(_ bytes: ByteBuffer)
    /// All that one read brought was handed over: the time to flush.
    func upstreamPaused()
    func upstreamEnded()
    /// The connection ended before the response did.
    func upstreamLost()
}

/// One connection to an upstream, on the event loop of the client that uses it. Serves one request at a time.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    let address: UpstreamAddress
    /// Whether a response came over it before: then it may have ended unseen while it was idle.
    private(set) var isReused = false
    private let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var receiver: (any UpstreamReceiver)?
    private var isRequestWritten = false
    private var mayBeKept = false
    private var isFlushDue = false

    init(address: UpstreamAddress, pool: UpstreamPool) {
        self.address = address
        self.pool = pool
    }

    var channel: (any Channel)? { context?.channel }

    /// Sends the request; its answer goes to `receiver`.
    func send(_ head: HTTPRequestHead, body: ByteBuffer, to receiver: any UpstreamReceiver) {
        guard let context else { return receiver.upstreamLost() }
        self.receiver = receiver
        isRequestWritten = false
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenSuccess { self.isRequestWritten = true }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    /// Ends the connection at once, and with it what the upstream does for this request.
    func abandon() {
        receiver = nil
        context?.close(promise: nil)
    }

    /// Stops reading while the client does not keep up.
    func setReading(_ isReading: Bool) {
        // It fails only on a channel that has ended, which needs no setting.
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        pool.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        pool.closed(self)  // also where it never came to be active
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Nobody waits for an answer that nobody asked for.
        guard let receiver else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard head.status.code >= 200 else { return context.close(promise: nil) }
            mayBeKept = head.isKeepAlive
            isFlushDue = true
            receiver.upstreamAnswered(head)
        case .body(let bytes):
            isFlushDue = true
            receiver.upstreamSent(bytes)
        case .end: end(receiver, context)
        }
    }

    private func end(_ receiver: any UpstreamReceiver, _ context: ChannelHandlerContext) {
        self.receiver = nil
        isFlushDue = false
        isReused = true
        // An upstream that answers before it has read the whole request would take the rest of it for the next one.
        if mayBeKept, isRequestWritten, context.channel.isActive, pool.keep(self) {
            setReading(true)
        } else {
            context.close(promise: nil)
        }
        receiver.upstreamEnded()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard isFlushDue else { return }
        isFlushDue = false
        receiver?.upstreamPaused()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        pool.closed(self)
        let receiver = receiver
        self.receiver = nil
        receiver?.upstreamLost()
    }
}
