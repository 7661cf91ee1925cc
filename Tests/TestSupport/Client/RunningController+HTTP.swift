import AsyncHTTPClient
import Foundation

extension RunningController {
    /// Lives as long as the tests. Many requests at once, each on its own connection.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    public func get(_ path: String, headers: [String: String] = [:]) async throws -> Reply {
        try await Reply(execute(request(path, headers)))
    }

    public func post(
        _ path: String, _ body: Data = Data(), headers: [String: String] = ["content-type": "application/json"]
    ) async throws -> Reply {
        var request = request(path, headers)
        request.method = .POST
        request.body = .bytes(body)
        return try await Reply(execute(request))
    }

    public func delete(_ path: String) async throws -> Reply {
        var request = request(path, [:])
        request.method = .DELETE
        return try await Reply(execute(request))
    }

    func request(_ path: String, _ headers: [String: String]) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: address + path)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return request
    }

    func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        try await Self.client.execute(request, timeout: .seconds(120))
    }

    // MARK: Management

    public func models() async throws -> [ModelState] { try await get("/models").decoded(ModelList.self).models }
    public func engines() async throws -> [EngineState] { try await get("/engines").decoded(EngineList.self).engines }
    public func workers() async throws -> [WorkerState] { try await get("/workers").decoded(WorkerList.self).workers }
    public func templates() async throws -> [TemplateWorkerState] {
        try await get("/workers").decoded(WorkerList.self).templates
    }
    public func health() async throws -> HealthState { try await get("/health").decoded() }
    public func devices() async throws -> [DeviceState] { try await get("/devices").decoded(DeviceList.self).devices }

    public func openAIModels() async throws -> [ListedModel] {
        try await get("/v1/models").decoded(ListedModels.self).data
    }

    public func model(_ name: String) async throws -> ModelState { try await get("/models/\(name)").decoded() }

    /// The one runtime that tests configure.
    public func runtime() async throws -> RuntimeState {
        guard let runtime = try await get("/runtimes").decoded(RuntimeList.self).runtimes.first else {
            throw TestFailure("no runtime")
        }
        return runtime
    }

    /// The engine of a model that has one.
    public func engine(of model: String) async throws -> EngineState {
        guard let engine = try await engines().first(where: { $0.model == model }) else {
            throw TestFailure("'\(model)' has no engine")
        }
        return engine
    }

    public func load(_ model: String) async throws -> EngineState {
        try await post("/models/\(model)/load").succeeded().decoded()
    }

    public func unload(_ model: String) async throws -> UnloadState {
        try await post("/models/\(model)/unload").succeeded().decoded()
    }

    public func sleep(_ model: String) async throws -> ModelState {
        try await post("/models/\(model)/sleep").succeeded().decoded()
    }

    public func wake(_ model: String) async throws -> EngineState {
        try await post("/models/\(model)/wake").succeeded().decoded()
    }

    /// - Parameters:
    ///   - body: JSON.
    ///   - query: with its question mark.
    public func create(_ body: String, query: String = "") async throws -> Reply {
        try await post("/engines\(query)", Data(body.utf8))
    }

    /// The engine with the id.
    public func engine(_ id: String) async throws -> EngineState {
        try await get("/engines/\(id)").succeeded().decoded()
    }

    /// Waits until the model's template is ready, and returns it.
    @discardableResult
    public func awaitTemplate(of model: String) async throws -> TemplateState {
        try await eventually("the template of '\(model)' is ready") { try await self.model(model).readyTemplate }
    }

    // MARK: Models

    /// A chat completion that is not streamed, whatever its status.
    public func ask(_ model: String, _ prompt: String = "one two", tokens: Int = 3) async throws -> Reply {
        try await post("/v1/chat/completions", Self.chat(model, prompt, tokens: tokens, stream: false))
    }

    /// A streamed chat completion.
    public func stream(_ model: String, _ prompt: String = "one two", tokens: Int = 3) async throws -> AnswerStream {
        var request = request("/v1/chat/completions", ["content-type": "application/json"])
        request.method = .POST
        request.body = .bytes(try Self.chat(model, prompt, tokens: tokens, stream: true))
        return AnswerStream(try await execute(request))
    }

    private static func chat(_ model: String, _ prompt: String, tokens: Int, stream: Bool) throws -> Data {
        struct Message: Encodable { let role = "user", content: String }
        struct Chat: Encodable {
            let model: String
            let messages: [Message]
            let maxTokens: Int
            let stream: Bool
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(
            Chat(model: model, messages: [Message(content: prompt)], maxTokens: tokens, stream: stream))
    }
}
