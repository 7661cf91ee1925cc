import Foundation
import Scheduling
import Testing

@testable import Management

@Suite(.timeLimit(.minutes(5)))
struct ErrorAnswerTests {
    @Test(arguments: ["/", "/nothing", "/models/a/b/c", "/v2/models"])
    func anUnknownRouteIsJSON(path: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 404)
            let body = try JSONDecoder().decode(OpenAIErrorBody.self, from: Data(reply.body.utf8))
            #expect(body.error.code == "not_found")
        }
    }

    @Test(arguments: [
        ("POST", "/health", "GET, HEAD"), ("DELETE", "/models/small", "GET, HEAD"),
        ("GET", "/models/small/load", "POST"), ("PUT", "/engines", "GET, HEAD, POST"),
        ("POST", "/engines/e-3", "GET, HEAD, DELETE"),
        ("PUT", "/v1/models/small", "GET, HEAD"),
    ])
    func aWrongMethodIsToldTheRightOnes(method: String, path: String, allowed: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.send(method, path)
            #expect(reply.status == 405)
            #expect(reply.headers["allow"] == allowed)
            #expect(reply.body.contains(#""code":"method_not_allowed""#))
        }
    }

    @Test func headIsGetWithoutABody() async throws {
        try await RunningAPI.with { api in
            let reply = try await api.send("HEAD", "/health")
            #expect(reply.status == 200)
            #expect(reply.body.isEmpty)
        }
    }

    @Test(arguments: [false, true])
    func aLargeBodyIsRefusedBeforeAnythingIsDone(isChunked: Bool) async throws {
        var controller = FakeController()
        controller.onLoad = { _ in
            Issue.record("the model was loaded")
            return .sample
        }
        try await RunningAPI.with(controller) { api in
            let body = [UInt8](repeating: 32, count: BodyLimit.bytes + 1)
            let reply = try await api.send("POST", "/models/small/load", body: body, isChunked: isChunked)
            #expect(reply.status == 413)
            #expect(reply.body.contains(#""code":"request_too_large""#))
        }
    }

    @Test func aBodyWithinTheLimitIsIgnored() async throws {
        try await RunningAPI.with { api in
            let body = [UInt8](repeating: 32, count: BodyLimit.bytes)
            let status = try await api.send("POST", "/models/small/load", body: body).status
            #expect(status == 200)
        }
    }

    @Test func aFaultOfOursIsNotHidden() async throws {
        struct Fault: Error {}
        var controller = FakeController()
        controller.onUnload = { _ in throw Fault() }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/models/small/unload")
            #expect(reply.status == 500)
            #expect(reply.body.contains(#""code":"internal_error""#))
        }
    }
}
