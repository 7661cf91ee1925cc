import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Gateway

@Suite("Clients that take their time")
struct ClientTimeTests {
    private static func connect() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        let configuration = GatewayConfiguration(
            host: "", port: 0, managementSocketPath: "", bodyLimit: 1000, bufferedBytesLimit: 1000)
        try ClientHandler.install(
            in: channel,
            loop: LoopState(
                eventLoop: channel.embeddedEventLoop, configuration: configuration, broker: FakeBroker(),
                bufferedBytes: BufferedBytes(limit: 1000),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private static func written(_ channel: EmbeddedChannel) throws -> String {
        var text = ""
        while let part = try channel.readOutbound(as: IOData.self) {
            if case .byteBuffer(let bytes) = part { text += String(buffer: bytes) }
        }
        return text
    }

    private static let head = """
        POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n
        """

    @Test("An idle connection ends")
    func idle() throws {
        let channel = try Self.connect()
        channel.embeddedEventLoop.advanceTime(by: .seconds(74))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("A head that never comes whole is no progress")
    func slowHead() throws {
        let channel = try Self.connect()
        channel.embeddedEventLoop.advanceTime(by: .seconds(74))
        try channel.writeInbound(ByteBuffer(string: "GET /"))
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test("A body may come slowly, but it has to come")
    func slowBody() throws {
        let channel = try Self.connect()
        try channel.writeInbound(ByteBuffer(string: Self.head))
        for _ in 0..<5 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(59))
            try channel.writeInbound(ByteBuffer(string: " "))
        }
        #expect(try Self.written(channel).isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(try Self.written(channel).hasPrefix("HTTP/1.1 408 "))
        channel.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(!channel.isActive)
    }

    @Test("A connection that was used is idle again from then on")
    func idleAfterUse() throws {
        let channel = try Self.connect()
        channel.embeddedEventLoop.advanceTime(by: .seconds(70))
        try channel.writeInbound(ByteBuffer(string: "GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        #expect(try Self.written(channel).hasPrefix("HTTP/1.1 404 "))
        channel.embeddedEventLoop.advanceTime(by: .seconds(74))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }
}
