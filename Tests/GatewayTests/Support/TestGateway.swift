import Gateway
import Logging
import NIOPosix
import Scheduling

/// A gateway between a fake engine, a fake management app and a fake broker. One event loop, so that what one connection
/// leaves behind the next one finds.
final class TestGateway: Sendable {
    static let chat = "/v1/chat/completions"
    static let generation = Generation(epoch: 1, counter: 1)

    let gateway: Gateway
    let port: Int
    let broker: FakeBroker
    let engine: FakeUpstream
    let management: FakeUpstream
    let permits: EnginePermits

    private init(
        gateway: Gateway, port: Int, broker: FakeBroker, engine: FakeUpstream, management: FakeUpstream,
        permits: EnginePermits
    ) {
        self.gateway = gateway
        self.port = port
        self.broker = broker
        self.engine = engine
        self.management = management
        self.permits = permits
    }

    /// Runs `body` with a gateway whose model `hot` has a ready engine and whose model `cold` has none.
    static func run(
        permits limit: Int = 8, bodyLimit: Int = 1 << 20, bufferedBytesLimit: Int = 1 << 20,
        stallLimit: Duration = .seconds(120), _ body: (TestGateway) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let engine = try await FakeUpstream()
        let management = try await FakeUpstream()
        let broker = FakeBroker()
        let gateway = Gateway(
            configuration: GatewayConfiguration(
                host: "127.0.0.1", port: 0, managementSocketPath: management.socketPath, bodyLimit: bodyLimit,
                bufferedBytesLimit: bufferedBytesLimit, stallLimit: stallLimit),
            broker: broker, group: group, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let port = try await gateway.start()
        let test = TestGateway(
            gateway: gateway, port: port, broker: broker, engine: engine, management: management,
            permits: EnginePermits(limit: limit))
        gateway.publish(test.snapshot)
        let result: Result<Void, any Error>
        do { result = .success(try await body(test)) } catch { result = .failure(error) }
        await gateway.close()
        await engine.stop()
        await management.stop()
        try await group.shutdownGracefully()
        try result.get()
    }

    var route: EngineRoute {
        EngineRoute(
            engine: EngineID(number: 1), generation: Self.generation, socketPath: engine.socketPath, permits: permits)
    }

    private var snapshot: RouteSnapshot {
        RouteSnapshot(models: [
            "hot": ModelRoute(model: "hot", engines: [route]), "cold": ModelRoute(model: "cold", engines: []),
        ])
    }

    func client() async throws -> Wire { try await Wire.connect(port: port) }

    /// What the broker answers: another engine, with a permit taken.
    func admission(
        to upstream: FakeUpstream, permits: EnginePermits, generation: Generation = Generation(epoch: 1, counter: 2)
    ) -> Admission {
        _ = permits.take()
        return Admission(
            route: EngineRoute(
                engine: EngineID(number: 2), generation: generation, socketPath: upstream.socketPath, permits: permits),
            tier: .cold,
            timings: [
                StageTime(stage: "queue", milliseconds: 1500), StageTime(stage: "load", milliseconds: 12.34),
            ])
    }

    static func post(_ path: String = chat, model: String = "hot", headers: String = "", more: String = "") -> String {
        post(path, body: "{\"model\":\"\(model)\"\(more)}", headers: headers)
    }

    static func post(
        _ path: String = chat, body: String, headers: String = "", type: String = "application/json"
    ) -> String {
        """
        POST \(path) HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: \(type)\r\n\(headers)\
        Content-Length: \(body.utf8.count)\r\n\r\n\(body)
        """
    }

    static func get(_ path: String, headers: String = "Host: localhost\r\n") -> String {
        "GET \(path) HTTP/1.1\r\n\(headers)\r\n"
    }

    static func ok(_ body: String, headers: String = "Content-Type: application/json\r\n") -> String {
        "HTTP/1.1 200 OK\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    static let streamHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

    static func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }
}
