import NIOCore
import NIOHTTP1
import Scheduling

/// One client connection: reads requests one after the other, and writes their answers with the framing that the client
/// understands. What a request means is its exchange's business.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a connection may stay open with no request on it.
    private static let idleTime = TimeAmount.seconds(75)
    /// How long a request's body may come without any progress.
    private static let bodyTime = TimeAmount.seconds(60)
    /// How long a client may take to notice the end of a connection, before it is cut.
    private static let endingTime = TimeAmount.seconds(5)
    /// The names and values of all headers of one request, in bytes.
    private static let headLimit = 128 * 1024

    private let loop: LoopState
    private var connection = ClientConnection()
    private var context: ChannelHandlerContext?
    private var timer: DeadlineTimer?
    private var exchange: Exchange?
    private var isTakingQueued = false

    private init(loop: LoopState) { self.loop = loop }

    /// Builds the pipeline of a new connection.
    static func install(in channel: any Channel, loop: LoopState) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = headLimit
        var framing = HTTPResponseEncoder.Configuration()
        framing.automaticallySetFramingHeaders = false  // it knows no HEAD
        let decoder = HTTPRequestDecoder(limitConfiguration: limits)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder(configuration: framing))
        // The decoder stops reading after a request to upgrade; what comes then must not pile up.
        try pipeline.addHandler(ByteToMessageHandler(decoder, maximumBufferSize: 2 * headLimit))
        try pipeline.addHandler(ClientHandler(loop: loop))
    }

    var channel: (any Channel)? { context?.channel }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let timer = DeadlineTimer(eventLoop: loop.eventLoop) { self.timePassed() }
        timer.set(in: Self.idleTime)
        self.timer = timer
        if !loop.add(self) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.remove(self)
        timer?.cancel()
        timer = nil
        exchange?.clientLeft()
        exchange = nil
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        perform(connection.received(unwrapInboundIn(data)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange?.clientLeft()
        exchange = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        exchange?.clientKeepsUp(isWritable)
        // A client that has stopped reading holds an engine's permit.
        if case .answering = connection.phase {
            if isWritable {
                timer?.clear()
            } else {
                timer?.set(in: .nanoseconds(loop.configuration.stallLimit.nanoseconds))
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.close(promise: nil) }
        connection.endAfterAnswer()
        switch connection.phase {
        case .idle, .receiving:
            let isTooLarge = error == .headerOverflow
            let message =
                isTooLarge
                ? "The request's headers are too large." : "The request is not well-formed HTTP/1.1 (\(error))."
            refuse(
                ErrorResponse(
                    ControllerError(.badRequest, message), status: isTooLarge ? .requestHeaderFieldsTooLarge : nil))
        case .answering, .ending: break
        }
    }

    private func timePassed() {
        switch connection.phase {
        case .receiving:
            refuse(
                ErrorResponse(
                    ControllerError(.badRequest, "The request's body stopped coming. Send it again."),
                    status: .requestTimeout))
        case .idle, .ending: context?.close(promise: nil)
        case .answering:
            // However long an engine takes is not for a connection to judge; how long a client does not read, is.
            if context?.channel.isWritable == false { context?.close(promise: nil) }
        }
    }

    /// Ends the connection now if it is idle, otherwise after the present answer.
    func drain() {
        if connection.drain(), let context { end(context) }
    }

    // MARK: Requests

    private func perform(_ step: ClientConnection.Step) {
        switch step {
        case .begin(let head):
            if loop.isDraining { connection.endAfterAnswer() }
            timer?.set(in: Self.bodyTime)
            let exchange = Exchange(head, client: self, loop: loop)
            self.exchange = exchange
            exchange.begin()
        case .body(let bytes):
            timer?.set(in: Self.bodyTime)
            exchange?.receive(bytes)
        case .end:
            timer?.clear()
            exchange?.dispatch()
        case .nothing: break
        case .tooMuch: context?.close(promise: nil)
        }
    }

    /// Goes on with requests that came while another was being answered. A loop and not a recursion: there may be many.
    private func takeQueued() {
        guard !isTakingQueued else { return }
        isTakingQueued = true
        while let step = connection.nextQueued() { perform(step) }
        isTakingQueued = false
    }

    // MARK: Answers

    func writeContinue() {
        let head = HTTPResponseHead(version: .http1_1, status: .continue)
        context?.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// Writes the head of an answer.
    ///
    /// - Parameter headers: with `Content-Length` if the length is known, otherwise without any framing.
    func writeHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, for request: HTTPRequestHead)
        -> ResponseFraming
    {
        var headers = headers
        let framing = ResponseFraming(
            method: request.method, version: request.version, status: status,
            hasLength: headers.contains(name: "content-length"))
        switch framing {
        case .none: if status == .noContent { headers.remove(name: "content-length") }
        case .contentLength: break
        case .chunked: headers.add(name: "Transfer-Encoding", value: "chunked")
        case .untilClose: connection.endAfterAnswer()
        }
        if loop.isDraining { connection.endAfterAnswer() }
        if !connection.isKeptAlive || connection.phase == .receiving { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context?.write(wrapOutboundOut(.head(head)), promise: nil)
        return framing
    }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }

    func flush() { context?.flush() }

    /// Ends the answer as its framing says, and goes on to the next request.
    func finish() {
        exchange = nil
        guard let context else { return }
        connection.answered()
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        timer?.set(in: Self.idleTime)
        if connection.phase == .ending { end(context) } else { takeQueued() }
    }

    /// Ends the connection in the middle of the answer, so that the client sees that it is not whole.
    func cut() {
        exchange = nil
        context?.flush()
        context?.close(promise: nil)
    }

    /// Answers with an error.
    func refuse(_ response: ErrorResponse, to request: HTTPRequestHead? = nil) {
        exchange?.clientLeft()
        let request = request ?? HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        let body = ByteBuffer(string: response.json)
        var headers = response.headers
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        if writeHead(response.status, headers, for: request) != .none { write(body) }
        finish()
    }

    /// Ends the connection so that the last answer arrives whole. Closing it while bytes from the client are unread would reset
    /// it, and the answer with it: so our half ends first, and what comes is thrown away for a while.
    private func end(_ context: ChannelHandlerContext) {
        let closed = context.eventLoop.makePromise(of: Void.self)
        closed.futureResult.assumeIsolated().whenComplete { _ in self.timer?.set(in: Self.endingTime) }
        context.close(mode: .output, promise: closed)
    }
}
