import Foundation
import Scheduling
import Synchronization
import Testing

@testable import Management

@Suite(.timeLimit(.minutes(5)))
struct CommandRoutesTests {
    @Test func loadAnswersWithTheEngine() async throws {
        var controller = FakeController()
        controller.onLoad = { model in
            guard model == "org/small" else { throw ControllerError(.unknownModel, "not \(model)") }
            return .sample
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/org%2Fsmall/load")
            #expect(reply.status == 200)
            let engine = try JSONDecoder().decode(EngineStatus.self, from: Data(reply.body.utf8))
            #expect(engine == .sample)
            #expect(reply.body.contains(#""assigned_ranks":[0]"#))
        }
    }

    @Test func aFailedStartIsToldWhole() async throws {
        var controller = FakeController()
        controller.onLoad = { _ in
            throw ControllerError(
                .startFailed, "The engine ended.", retryAfter: .milliseconds(1200), logTail: ["ValueError: \"x\""])
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/broken/load")
            #expect(reply.status == 503)
            #expect(reply.headers["retry-after"] == "2")
            let body = try JSONDecoder().decode(OpenAIErrorBody.self, from: Data(reply.body.utf8))
            #expect(body.error.message == "The engine ended.\nLast lines of its log:\nValueError: \"x\"")
            #expect(body.error.code == "start_failed")
            #expect(body.error.type == "server_error")
        }
    }

    @Test func unloadAnswersWithTheReport() async throws {
        try await RunningAPI.with { api in
            let reply = try await api.send("POST", "/models/org%2Fsmall/unload")
            #expect(reply.status == 200)
            #expect(reply.body == #"{"engines":["e-3"],"freed_bytes":1048576,"model":"org/small","ms":12.5}"#)
        }
    }

    @Test func sleepAnswersWithTheModel() async throws {
        var controller = FakeController()
        controller.onSleep = { model in
            guard model == "org/small" else { throw ControllerError(.unknownModel, "not \(model)") }
            return .asleep
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/org%2Fsmall/sleep")
            #expect(reply.status == 200)
            let model = try JSONDecoder().decode(ModelStatus.self, from: Data(reply.body.utf8))
            #expect(model == .asleep)
        }
    }

    @Test func wakeAnswersWithTheEngine() async throws {
        var controller = FakeController()
        controller.onWake = { model in
            guard model == "org/small" else { throw ControllerError(.unknownModel, "not \(model)") }
            return .sample
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/org%2Fsmall/wake")
            #expect(reply.status == 200)
            let engine = try JSONDecoder().decode(EngineStatus.self, from: Data(reply.body.utf8))
            #expect(engine == .sample)
            #expect(reply.body.contains(#""assigned_ranks":[0]"#))
        }
    }

    @Test(arguments: ["sleep", "wake"])
    func whatCannotSleepOrWakeIsAConflict(command: String) async throws {
        var controller = FakeController()
        controller.onSleep = { _ in throw ControllerError(.conflict, "It has no template.") }
        controller.onWake = { _ in throw ControllerError(.conflict, "It is not asleep but warm.") }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/small/\(command)")
            #expect(reply.status == 409)
            #expect(reply.body.contains(#""code":"conflict""#))
            let get = try await api.get("/models/small/\(command)")
            #expect(get.status == 405)
            #expect(get.headers["allow"] == "POST")
        }
    }

    @Test func aLogIsAStreamOfItsLines() async throws {
        var controller = FakeController()
        controller.onLog = { id, lines in ["\(id) \(lines)", "", "50%\r100%"] }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.get("/logs/e-3")
            #expect(reply.headers["content-type"] == "text/event-stream")
            #expect(reply.body == "data: e-3 100\n\ndata: \n\ndata: 50%\ndata: 100%\n\n")
            let named = try await api.get("/logs/org%2Fsmall?lines=10000").body
            #expect(named.hasPrefix("data: org/small 10000\n\n"))
        }
    }

    @Test(arguments: ["0", "10001", "-1", "x", ""])
    func aSenselessNumberOfLinesIsRefused(lines: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get("/logs/e-3?lines=\(lines)")
            #expect(reply.status == 400)
            #expect(reply.body.contains(#""param":"lines""#))
        }
    }
}
