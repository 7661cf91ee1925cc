import Foundation
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(5)))
struct ModelRoutesTests {
    private struct ModelList: Decodable {
        let models: [ModelStatus]
    }

    private struct OpenAIList: Decodable {
        struct Model: Decodable {
            let id, object, owned_by, root, tier: String
            let created: Int
        }
        let object: String
        let data: [Model]
    }

    @Test func modelsAreTheirStatus() async throws {
        try await RunningAPI.with { api in
            let list = try JSONDecoder().decode(ModelList.self, from: Data(try await api.get("/models").body.utf8))
            #expect(list.models == ControllerStatus.sample.models)
        }
    }

    @Test func aModelShowsItsTierAndTemplate() async throws {
        try await RunningAPI.with { api in
            let template = [
                #""template":{"footprint_bytes":419430400,"has_weights":true,"pid":106,"private_bytes":398458880,"#,
                #""process":"p-6","stages":[{"ms":300.5,"stage":"load"}],"state":"ready"}"#,
            ].joined()
            let reply = try await api.get("/models/quiet").body
            #expect(reply.contains(template))
            #expect(reply.contains(#""tier":"asleep""#))
        }
    }

    @Test(arguments: ["/models/org%2Fsmall", "/models/default", "/models/org%2fsmall"])
    func aModelIsFoundByAnyName(path: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 200)
            let model = try JSONDecoder().decode(ModelStatus.self, from: Data(reply.body.utf8))
            #expect(model == ControllerStatus.sample.models[0])
        }
    }

    @Test func openAIListsEveryName() async throws {
        try await RunningAPI.with { api in
            let list = try JSONDecoder().decode(OpenAIList.self, from: Data(try await api.get("/v1/models").body.utf8))
            #expect(list.object == "list")
            #expect(list.data.map(\.id) == ["org/small", "default", "quiet", "fresh", "broken"])
            #expect(list.data.map(\.root) == ["org/small", "org/small", "quiet", "fresh", "broken"])
            #expect(list.data.map(\.tier) == ["hot", "hot", "asleep", "warm", "cold"])
            #expect(list.data.allSatisfy { $0.object == "model" && $0.owned_by == "worker-controller" })
            let now = Int(Date().timeIntervalSince1970)
            #expect(list.data.allSatisfy { now - 3600 < $0.created && $0.created <= now })
        }
    }

    @Test(arguments: ["/v1/models/org%2Fsmall", "/v1/models/org/small"])
    func openAIShowsOne(path: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 200)
            #expect(reply.body.contains(#""id":"org/small""#))
        }
    }

    @Test(arguments: ["/models/nobody", "/v1/models/nobody", "/v1/models/no/body"])
    func anUnknownModelIsNotFound(path: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 404)
            #expect(reply.body.contains(#""code":"model_not_found""#))
        }
    }
}
