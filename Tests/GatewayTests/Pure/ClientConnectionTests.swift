import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

@Suite("Where a client connection stands")
struct ClientConnectionTests {
    private static func head(_ version: HTTPVersion = .http1_1, _ headers: HTTPHeaders = [:]) -> HTTPServerRequestPart {
        .head(HTTPRequestHead(version: version, method: .GET, uri: "/", headers: headers))
    }

    /// A name for each step: they carry what cannot be compared.
    private static func name(_ step: ClientConnection.Step?) -> String {
        switch step {
        case .begin: "begin"
        case .body: "body"
        case .end: "end"
        case .nothing: "nothing"
        case .tooMuch: "too much"
        case nil: "no step"
        }
    }

    @Test("One request after the other, the second from the queue")
    func inOrder() {
        var connection = ClientConnection()
        let body = HTTPServerRequestPart.body(ByteBuffer(string: "x"))
        let parts = [Self.head(), body, .end(nil), Self.head(), body, .end(nil)]
        let steps = parts.map { Self.name(connection.received($0)) }
        #expect(steps == ["begin", "body", "end", "nothing", "nothing", "nothing"])
        #expect(connection.phase == .answering)
        let step = Self.name(connection.nextQueued())
        #expect(step == "no step")
        connection.answered()
        let queued = (0..<4).map { _ in Self.name(connection.nextQueued()) }
        #expect(queued == ["begin", "body", "end", "no step"])
        connection.answered()
        #expect(connection.phase == .idle)
    }

    @Test("An answer before the request's end ends the connection, and the rest of the request is thrown away")
    func earlyAnswer() {
        var connection = ClientConnection()
        _ = connection.received(Self.head())
        connection.answered()
        #expect(connection.phase == .ending)
        for part in [.body(ByteBuffer(string: "x")), .end(nil), Self.head()] {
            let step = Self.name(connection.received(part))
            #expect(step == "nothing")
        }
    }

    @Test("What waits is bounded")
    func bounded() {
        var connection = ClientConnection()
        for part in [Self.head(), .end(nil), Self.head()] { _ = connection.received(part) }
        let body = HTTPServerRequestPart.body(ByteBuffer(repeating: 0, count: ClientConnection.queueLimit / 2))
        var step = Self.name(connection.received(body))
        #expect(step == "nothing")
        step = Self.name(connection.received(body))
        #expect(step == "too much")
    }

    @Test("Requests after which there is no other")
    func last() {
        let heads = [
            Self.head(.http1_0), Self.head(.http1_0, ["Connection": "keep-alive"]),
            Self.head(.http1_1, ["Connection": "close"]),
            Self.head(.http1_1, ["Connection": "Upgrade", "Upgrade": "x"]),
        ]
        for head in heads {
            var connection = ClientConnection()
            _ = connection.received(head)
            _ = connection.received(.end(nil))
            #expect(!connection.isKeptAlive)
            connection.answered()
            #expect(connection.phase == .ending)
        }
    }

    @Test("Draining ends an idle connection at once, and a busy one after its answer")
    func drain() {
        var idle = ClientConnection()
        let isIdle = idle.drain()
        #expect(isIdle)
        #expect(idle.phase == .ending)
        var busy = ClientConnection()
        for part in [Self.head(), .end(nil), Self.head(), .end(nil)] { _ = busy.received(part) }
        let isBusyIdle = busy.drain()
        #expect(!isBusyIdle)
        #expect(busy.phase == .answering)
        busy.answered()
        #expect(busy.phase == .ending)
        let step = Self.name(busy.nextQueued())
        #expect(step == "nothing")
    }
}
