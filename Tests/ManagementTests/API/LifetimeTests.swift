import Foundation
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(5)))
struct LifetimeTests {
    @Test func requestsInFlightAreAnsweredAtShutdown() async throws {
        let (arrived, arrival) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        var controller = FakeController()
        controller.onLoad = { _ in
            arrival.finish()
            for await _ in released {}
            return .sample
        }
        try await RunningAPI.with(controller) { api in
            async let reply = api.send("POST", "/models/default/load")
            for await _ in arrived {}
            await api.group.triggerGracefulShutdown()
            release.finish()
            let status = try await reply.status
            #expect(status == 200)
        }
    }

    @Test func cancellationEndsItInMidRequest() async throws {
        let (arrived, arrival) = AsyncStream<Void>.makeStream()
        let (never, hold) = AsyncStream<Void>.makeStream()
        var controller = FakeController()
        controller.onLoad = { _ in
            arrival.finish()
            for await _ in never {}  // ends when the task is cancelled
            throw CancellationError()
        }
        try await RunningAPI.with(controller) { api in
            _ = try await api.get("/health")
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { _ = try? await api.send("POST", "/models/default/load") }
                for await _ in arrived {}
                api.cancel()
                await tasks.waitForAll()
            }
        }
        hold.finish()
    }

    @Test func onlyTheOwnerMayConnect() async throws {
        try await RunningAPI.with { api in
            let attributes = try FileManager.default.attributesOfItem(atPath: api.socketPath)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func aSocketThatIsLeftOverIsReplaced() async throws {
        try await RunningAPI.with { api in
            try await RunningAPI.with(socketPath: api.socketPath) { second in
                let status = try await second.get("/health").status
                #expect(status == 200)
            }
        }
    }
}
