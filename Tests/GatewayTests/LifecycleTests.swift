import Gateway
import Logging
import NIOCore
import NIOPosix
import Scheduling
import Testing

@Suite("Start and stop")
struct LifecycleTests {
    @Test("After stopAccepting, running answers end and then their connections; idle ones end at once")
    func stopAccepting() async throws {
        try await TestGateway.run { test in
            let busy = try await test.client()
            try await busy.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.streamHead + TestGateway.chunk("data: 1\n\n"))
            _ = try await busy.text(containing: "data: 1")
            let idle = try await test.client()
            try await idle.send(TestGateway.get("/v1/nothing"))
            _ = try await idle.message()
            await test.gateway.stopAccepting()
            #expect(try await idle.closed().isEmpty)
            await #expect(throws: (any Error).self) { try await test.client() }
            try await engine.send(TestGateway.chunk("data: 2\n\n") + "0\r\n\r\n")
            let text = try await busy.closed()
            #expect(text.hasSuffix("data: 2\n\n\r\n0\r\n\r\n"))
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("A request that waits while draining is still answered, and told that the connection ends")
    func drainWaiting() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post(model: "cold"))
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            await test.gateway.stopAccepting()
            try await test.broker.answer(0, with: .failure(ControllerError(.shuttingDown, "It ends.")))
            let text = try await client.closed()
            #expect(text.hasPrefix("HTTP/1.1 503 "))
            #expect(text.lowercased().contains("connection: close"))
        }
    }

    @Test("close ends everything, and every permit is back")
    func close() async throws {
        try await TestGateway.run { test in
            let streaming = try await test.client()
            try await streaming.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.streamHead + TestGateway.chunk("data: 1\n\n"))
            _ = try await streaming.text(containing: "data: 1")
            let waiting = try await test.client()
            try await waiting.send(TestGateway.post(model: "cold"))
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            await test.gateway.close()
            #expect(test.permits.inFlight == 0)
            #expect(test.broker.calls.value[0].isCancelled)
            #expect(!(try await streaming.closed().hasSuffix("0\r\n\r\n")))
            try await waiting.closed()
            try await engine.closed()
        }
    }

    @Test("An address that is taken is reported as such")
    func addressTaken() async throws {
        try await TestGateway.run { test in
            let second = Gateway(
                configuration: GatewayConfiguration(
                    host: "127.0.0.1", port: test.port, managementSocketPath: "", bodyLimit: 1, bufferedBytesLimit: 1),
                broker: test.broker, group: NIOSingletons.posixEventLoopGroup, logger: Logger(label: "test"))
            let error = await #expect(throws: ControllerError.self) { try await second.start() }
            #expect(error?.code == .conflict)
        }
    }
}
