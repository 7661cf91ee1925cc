import NIOCore
import NIOHTTP1

/// One connection of the front end. NIO's pipelining support hands over one request at a time.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let maximumBody = 64 << 20
    /// Tokens that are written before others get their turn.
    private static let burst = 64

    private struct Running {
        let completion: Completion
        let streamed: Bool
        let includesUsage: Bool
        let start: NIODeadline
        var next = 0
    }

    private let router: Router
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var requests = 0
    private var running: Running?
    private var timer: Scheduled<Void>?

    init(engine: ServedEngine) {
        router = Router(engine: engine)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            guard head != nil else { return }
            guard body.readableBytes + part.readableBytes <= Self.maximumBody else {
                head?.headers.replaceOrAdd(name: "connection", value: "close")
                return send(.error(.payloadTooLarge, "BadRequestError", "The body is too large."), context)
            }
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            requests += 1
            send(router.reply(to: head, body: body, number: requests), context)
        }
    }

    /// The client is gone: so is its request.
    func channelInactive(context: ChannelHandlerContext) {
        running = nil
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { advance(context) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func send(_ reply: Reply, _ context: ChannelHandlerContext) {
        switch reply {
        case .whole(let status, let json):
            sendWhole(status, json, context)
        case .completion(let completion):
            running = Running(completion: completion, streamed: false, includesUsage: false, start: .now())
            advance(context)
        case .stream(let completion, let includesUsage):
            sendHead(.ok, [("content-type", "text/event-stream; charset=utf-8")], context)
            if let event = completion.firstEvent { write(event, context) }
            context.flush()
            running = Running(completion: completion, streamed: true, includesUsage: includesUsage, start: .now())
            advance(context)
        }
    }

    /// Sends what is due of the running answer, and sees to it that the rest follows.
    private func advance(_ context: ChannelHandlerContext) {
        guard var run = running else { return }
        timer?.cancel()
        timer = nil
        let pacing = router.engine.pacing
        let end = min(run.next + Self.burst, run.completion.length)
        let now = NIODeadline.now()
        while run.next < end, context.channel.isWritable, run.start + pacing.due(run.next) <= now {
            if run.streamed { write(run.completion.event(of: run.next), context) }
            run.next += 1
            router.engine.vitals.add()
        }
        running = run
        if run.next == run.completion.length { return finish(run, context) }
        if run.streamed { context.flush() }
        // A client that does not read goes on when its socket can be written again.
        guard context.channel.isWritable else { return }
        let due = max(run.start + pacing.due(run.next), now)
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.advance(context) }
    }

    private func finish(_ run: Running, _ context: ChannelHandlerContext) {
        running = nil
        guard run.streamed else { return sendWhole(.ok, run.completion.body, context) }
        write(run.completion.lastEvents(includingUsage: run.includesUsage), context)
        sendEnd(context)
    }

    private func sendWhole(_ status: HTTPResponseStatus, _ json: String, _ context: ChannelHandlerContext) {
        let type = json.isEmpty ? [] : [("content-type", "application/json")]
        sendHead(status, type + [("content-length", String(json.utf8.count))], context)
        write(json, context)
        sendEnd(context)
    }

    private func sendHead(
        _ status: HTTPResponseStatus, _ headers: [(String, String)], _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders(headers)
        headers.add(name: "server", value: "simulated-runtime")
        if head?.isKeepAlive != true { headers.add(name: "connection", value: "close") }
        let response = HTTPResponseHead(version: head?.version ?? .http1_1, status: status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(response)), promise: nil)
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
    }

    private func sendEnd(_ context: ChannelHandlerContext) {
        let staysOpen = head?.isKeepAlive == true
        head = nil
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: written)
        if !staysOpen { written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
    }
}
