import Logging
import NIOCore
import NIOHTTP1
import Scheduling

/// One request and its answer: collects the body, finds the engine, and relays. On the client's event loop only.
final class Exchange {
    /// The largest body of a request to the management app, in bytes.
    private static let managementBodyLimit = 1 << 20

    let client: ClientHandler
    let loop: LoopState
    let head: HTTPRequestHead
    private let beganAt = NIODeadline.now()

    // The request.
    private(set) var target = RequestTarget.management
    private var refusal: ErrorResponse?
    private var reader: ModelNameReader?
    private var model = ""
    private var bodyLimit = 0
    private var body = ByteBuffer()
    private var share: BufferedBytes.Share

    // Its way to an upstream.
    private var waiting: Task<Void, Never>?
    private var permit: PermitHold?
    private(set) var upstream: UpstreamConnection?
    private var losses = LossPolicy()
    private(set) var tier = Tier.hot
    private(set) var timings: [StageTime] = []

    // Its answer.
    var answer: RelayedAnswer?
    private(set) var isOver = false

    init(_ head: HTTPRequestHead, client: ClientHandler, loop: LoopState) {
        self.head = head
        self.client = client
        self.loop = loop
        share = BufferedBytes.Share(of: loop.bufferedBytes)
    }

    // MARK: The request comes in

    func begin() {
        do throws(ErrorResponse) {
            try check()
            if head.headers["expect"].contains(where: { $0.lowercased() == "100-continue" }), hasBody,
                head.version != .http1_0
            {
                client.writeContinue()
            }
        } catch {
            // Without a body, the request's end is here already, and the connection can go on after the answer.
            if hasBody { refuse(error) } else { refusal = error }
        }
    }

    private var hasBody: Bool {
        head.headers.contains(name: "transfer-encoding") || (head.headers.first(name: "content-length") ?? "0") != "0"
    }

    /// Everything that the head alone can be refused for.
    private func check() throws(ErrorResponse) {
        if head.version == .http1_0, head.headers.contains(name: "transfer-encoding") {
            throw ErrorResponse(.badRequest, "HTTP/1.0 has no Transfer-Encoding: send a Content-Length.")
        }
        try WebPageGuard.check(head.headers)
        target = try RequestTarget(method: head.method, uri: head.uri)
        let types = head.headers["content-type"]
        switch target {
        case .engine(let body):
            if hasBody {
                reader = try ModelNameReader(contentTypes: types, for: body)
            } else {
                model = try RequestTarget.modelInQuery(of: head.uri)
            }
            bodyLimit = loop.configuration.bodyLimit
        case .management:
            if hasBody { _ = try ModelNameReader(contentTypes: types, for: .json) }
            bodyLimit = min(loop.configuration.bodyLimit, Self.managementBodyLimit)
        }
        if let length = head.headers.first(name: "content-length"), Int(length) ?? .max > bodyLimit { throw tooLarge }
    }

    private var tooLarge: ErrorResponse {
        ErrorResponse(.tooLarge, "The request's body is larger than the \(bodyLimit) bytes that are allowed here.")
    }

    func receive(_ bytes: ByteBuffer) {
        guard !isOver, refusal == nil else { return }
        guard body.readableBytes + bytes.readableBytes <= bodyLimit else { return refuse(tooLarge) }
        guard share.grow(by: bytes.readableBytes) else {
            return refuse(
                ErrorResponse(
                    .queueFull, "The requests that wait hold as many bytes as are allowed. Try again in a moment.",
                    retryAfter: .seconds(1)))
        }
        reader?.consume(bytes)
        if body.readableBytes == 0 {
            body = bytes
        } else {
            body.writeImmutableBuffer(bytes)
        }
    }

    /// The request is complete: sends it on its way.
    func dispatch() {
        guard !isOver else { return }
        if let refusal { return refuse(refusal) }
        guard target != .management else {
            return connect(to: .management(socketPath: loop.configuration.managementSocketPath))
        }
        if let reader {
            do throws(ErrorResponse) { model = try reader.finish(body: body) } catch { return refuse(error) }
            self.reader = nil
        }
        let completeAt = NIODeadline.now()
        guard let route = loop.snapshot.models[model] else {
            return refuse(UnknownModel.response(to: model, in: loop.snapshot))
        }
        permit = PermitHold.take(from: route)
        if permit != nil {
            timings = [StageTime(stage: "queue", milliseconds: (NIODeadline.now() - completeAt).milliseconds)]
            connectToEngine()
        } else {
            askBroker(after: nil)
        }
    }

    // MARK: Finding an engine

    /// - Parameter lost: the engine that just failed to answer this request.
    private func askBroker(after lost: Generation?) {
        let request = WaitingRequest(model: model, bytes: body.readableBytes)
        let task = Task { [broker = loop.broker, eventLoop = loop.eventLoop, bound = bound] in
            let result: Result<Admission, any Error>
            do {
                result = .success(try await BrokerCall.admit(request, by: broker, after: lost))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute { bound.value.brokerAnswered(result) }
        }
        waiting = task
        loop.startWaiting(self, task)
    }

    private var bound: NIOLoopBound<Exchange> { NIOLoopBound(self, eventLoop: loop.eventLoop) }

    private func brokerAnswered(_ result: Result<Admission, any Error>) {
        waiting = nil
        loop.stopWaiting(self)
        switch result {
        case .success(let admission):
            let hold = PermitHold(taken: admission.route)
            guard !isOver else { return }  // and the hold lets go
            permit = consume hold
            tier = admission.tier
            timings = admission.timings
            connectToEngine()
        case .failure(let error):
            guard !isOver else { return }
            if let error = error as? ControllerError {
                refuse(ErrorResponse(error))
            } else {
                loop.logger.error("admission failed", metadata: ["error": "\(error)"])
                refuse(ErrorResponse(.internal, "The request could not be scheduled. The controller's log says why."))
            }
        }
    }

    // MARK: Sending it there

    private func connectToEngine(fresh: Bool = false) {
        guard let route = permit?.route else { return }
        connect(to: UpstreamAddress(route), fresh: fresh)
    }

    private func connect(to address: UpstreamAddress, fresh: Bool = false) {
        loop.pool.connect(to: address, fresh: fresh) { result in
            switch result {
            case .success(let connection) where self.isOver: connection.abandon()
            case .success(let connection):
                self.upstream = connection
                connection.send(self.upstreamHead(to: address), body: self.body, to: self)
            case .failure: if !self.isOver { self.lost(wasReused: false) }
            }
        }
    }

    private func upstreamHead(to address: UpstreamAddress) -> HTTPRequestHead {
        var headers = HeaderFilter.request(head.headers, bodyBytes: body.readableBytes)
        if !address.isKept { headers.add(name: "Connection", value: "close") }
        return HTTPRequestHead(version: .http1_1, method: head.method, uri: head.uri, headers: headers)
    }

    /// The upstream ended, or could not be reached, before the answer was whole.
    func lost(wasReused: Bool) {
        upstream = nil
        let generation = permit?.route.generation
        let step = losses.afterLoss(
            isEngine: target != .management, wasReused: wasReused, hasAnswered: answer != nil,
            isOpenStream: answer?.canTakeAnEvent ?? false)
        switch step {
        case .connectAgain: connectToEngine(fresh: true)
        case .askBroker:
            permit = nil
            askBroker(after: generation)
        case .refuse: refuse(target == .management ? Self.managementDown : Self.engineDied)
        case .endStream: endStream()
        case .cut:
            settle()
            client.cut()
        }
    }

    static let engineDied = ErrorResponse(
        .engineDied,
        "The engine ended before it answered, and so did the one that was tried after it. The controller's log says why."
    )

    private static let managementDown = ErrorResponse(
        .shuttingDown, "The management API does not answer: the controller is starting or stopping. Try again.",
        retryAfter: .seconds(1))

    /// From the first byte of the answer on, the request is not sent again.
    func forgetBody() {
        body = ByteBuffer()
        share.release()
    }

    // MARK: The end

    private func refuse(_ response: ErrorResponse) {
        settle(status: response.status)
        client.refuse(response, to: head)
    }

    /// The client's connection ended: everything that was done for it ends.
    func clientLeft() {
        guard !isOver else { return }
        let connection = upstream
        settle()
        connection?.abandon()
    }

    func clientKeepsUp(_ keepsUp: Bool) { upstream?.setReading(keepsUp) }

    /// Nothing more happens for this request; all that it held is given back.
    func settle(status: HTTPResponseStatus? = nil) {
        isOver = true
        waiting?.cancel()
        waiting = nil
        upstream = nil
        forgetBody()
        let engine = permit?.route.engine
        permit = nil
        loop.logger.debug(
            "request ended",
            metadata: [
                "method": "\(head.method.rawValue)", "path": "\(head.uri.prefix { $0 != "?" })", "model": "\(model)",
                "engine": "\(engine?.description ?? "none")", "tier": "\(tier)",
                "status": "\((status ?? answer?.status)?.code.description ?? "none")",
                "ms": "\((NIODeadline.now() - beganAt).milliseconds)",
            ])
    }
}

extension TimeAmount {
    var milliseconds: Double { Double(nanoseconds) / 1e6 }
}
