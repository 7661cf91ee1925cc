/// One streamed request on a connection of its own. The clock starts before the connection is made.
package struct StreamingExchange {
    /// Just before connecting.
    package let start: Instant
    package private(set) var record = StreamRecord()
    package private(set) var parser = ResponseParser()
    private let endpoint: Endpoint
    private let connection: Connection
    private var events = EventStreamParser()

    /// Connects and sends.
    ///
    /// - Throws: `Connection.Refused`, or a `BenchmarkError`.
    package init(_ request: ChatRequest, to endpoint: Endpoint, by deadline: Instant) throws {
        let bytes = try request.bytes(to: endpoint)
        self.endpoint = endpoint
        start = .now
        connection = try Connection(to: endpoint, by: deadline)
        try connection.send(bytes, by: deadline)
    }

    /// Milliseconds from before the connection to the first event with text in it.
    package var firstTokenMilliseconds: Double {
        get throws {
            guard let first = record.firstToken else {
                throw BenchmarkError("The answer of \(endpoint) has no text in it.")
            }
            return first.milliseconds(since: start)
        }
    }

    /// Reads to the end of the answer.
    ///
    /// - Throws: a `BenchmarkError` for everything but a complete stream.
    package mutating func finish(by deadline: Instant) throws {
        var errorBody: [UInt8] = []
        while !parser.isComplete {
            let (bytes, instant) = try connection.receive(by: deadline)
            if bytes.isEmpty {
                try parser.end()
                break
            }
            let body = try parser.consume(bytes)
            guard parser.status == 200 else {
                errorBody += body
                continue
            }
            for event in events.consume(body) { try record.consume(event, at: instant) }
        }
        guard parser.status == 200 else {
            let text = String(decoding: errorBody.prefix(1000), as: UTF8.self)
            throw BenchmarkError("\(endpoint) answered with status \(parser.status): \(text)")
        }
        guard record.isDone else { throw BenchmarkError("The stream of \(endpoint) ended before its end.") }
    }

    /// - Throws: if the answer came from a start of another kind.
    package func expect(_ tier: StartTier) throws { try expect(tier: tier.rawValue) }

    /// - Throws: if the model stood otherwise when the request came; `tier` is what the gateway calls it.
    package func expect(tier: String) throws {
        let found = parser.headers["x-start-tier"] ?? "none"
        guard found == tier else {
            throw BenchmarkError("A request for a model that was \(tier) found the tier '\(found)'.")
        }
    }

    /// What the server says that it spent its time on.
    package var stages: [TimedStage] { TimedStage.parse(parser.headers["server-timing"] ?? "") }

    /// Sends a request and reads all of its answer.
    package static func run(_ request: ChatRequest, to endpoint: Endpoint, by deadline: Instant) throws
        -> StreamingExchange
    {
        var exchange = try StreamingExchange(request, to: endpoint, by: deadline)
        try exchange.finish(by: deadline)
        return exchange
    }
}
