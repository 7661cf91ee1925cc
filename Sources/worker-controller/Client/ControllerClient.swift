import AsyncHTTPClient
import Foundation
import Scheduling

/// What a running controller can be asked over HTTP. Every call throws `ClientError`.
struct ControllerClient: Sendable {
    let address: ControllerAddress
    private let http: HTTPClient

    /// A start or a generation takes minutes at most; the controller has limits of its own, so this one only ends a
    /// wait for something that broke without a word.
    private static let patience: HTTPClient.Configuration.Timeout = .init(connect: .seconds(5), read: .hours(1))
    private static let largestAnswer = 64 << 20

    enum Method: String { case get, post, delete }

    /// Runs `body` with a client, and closes its connections after it.
    static func connected<Value: Sendable>(
        to address: ControllerAddress, _ body: (ControllerClient) async throws -> Value
    ) async throws -> Value {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, timeout: patience)
        // Nobody there is an answer too: it is not asked for twice.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(configuration: configuration)
        do {
            let value = try await body(ControllerClient(address: address, http: http))
            try await http.shutdown()
            return value
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    func engines() async throws -> Answer<EngineListing> { try await fetch("/engines") }
    func models() async throws -> Answer<ModelListing> { try await fetch("/models") }
    func workers() async throws -> Answer<WorkerListing> { try await fetch("/workers") }

    /// Answers when the model is ready.
    func load(_ model: String) async throws -> Answer<EngineStatus> {
        try await fetch("/models/\(Self.encoded(model))/load", method: .post)
    }

    /// Answers when the model's memory is back.
    func unload(_ model: String) async throws -> Answer<UnloadReport> {
        try await fetch("/models/\(Self.encoded(model))/unload", method: .post)
    }

    /// Answers when the model is asleep, with where it stands.
    func sleep(_ model: String) async throws -> Answer<ModelStatus> {
        try await fetch("/models/\(Self.encoded(model))/sleep", method: .post)
    }

    /// Answers when the model is ready.
    func wake(_ model: String) async throws -> Answer<EngineStatus> {
        try await fetch("/models/\(Self.encoded(model))/wake", method: .post)
    }

    /// Answers when the engine has given its workers back.
    func park(_ engine: String) async throws -> Answer<ModelStatus> {
        try await fetch("/engines/\(Self.encoded(engine))/park", method: .post)
    }

    /// - Parameter waits: whether to answer when the engine is ready, or as soon as it is known.
    func create(_ engine: EngineOrder, waits: Bool) async throws -> Answer<CreatedEngineReply> {
        try await fetch("/engines\(waits ? "" : "?wait=false")", method: .post, body: JSONEncoder().encode(engine))
    }

    /// Answers when the engine is gone.
    func delete(_ engine: String) async throws -> Answer<DeletedEngineReply> {
        try await fetch("/engines/\(Self.encoded(engine))", method: .delete)
    }

    /// Calls `line` for each of the last lines of a log, the oldest first.
    func log(of id: String, lines: Int, line: (String) throws -> Void) async throws {
        let response = try await execute("/logs/\(Self.encoded(id))?lines=\(lines)")
        try await events(of: response) { event in
            try line(event.data)
            return true
        }
    }

    /// Calls `show` with each event as it comes, until the controller ends.
    func follow(_ show: (ServerSentEvent) throws -> Void) async throws {
        let response = try await execute("/events")
        try await events(of: response) { event in
            try show(event)
            return true
        }
    }

    private func fetch<Value>(
        _ path: String, method: Method = .get, body: Data? = nil
    ) async throws -> Answer<Value> {
        let response = try await execute(path, method: method, body: body)
        do {
            return Answer(body: Data(try await response.body.collect(upTo: Self.largestAnswer).readableBytesView))
        } catch {
            throw ClientError.failed("the answer of \(address) broke off: \(error)")
        }
    }

    /// - Parameter body: JSON.
    /// - Returns: an answer with a status of success.
    func execute(_ path: String, method: Method = .get, body: Data? = nil) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: address.description + path)
        request.method = .init(rawValue: method.rawValue.uppercased())
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, timeout: .hours(1))
        } catch let error as HTTPClientError where Self.cameAfterConnecting(error) {
            throw ClientError.failed("\(address) took the request and gave no answer: \(error.shortDescription)")
        } catch {
            throw ClientError.unreachable(address)
        }
        guard (200..<300).contains(response.status.code) else { throw await Self.error(of: response) }
        return response
    }

    /// Hands over the server-sent events of an answer as they come, until `handle` wants no more.
    func events(
        of response: HTTPClientResponse, handle: (ServerSentEvent) throws -> Bool
    ) async throws {
        var parser = ServerSentEventParser()
        do {
            for try await chunk in response.body {
                for event in try parser.push(chunk.readableBytesView) {
                    guard try handle(event) else { return }
                }
            }
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError.failed("the stream from \(address) broke off: \(error)")
        }
    }

    private static func cameAfterConnecting(_ error: HTTPClientError) -> Bool {
        [.remoteConnectionClosed, .readTimeout, .deadlineExceeded, .cancelled].contains(error)
    }

    private static func error(of response: HTTPClientResponse) async -> ClientError {
        let status = Int(response.status.code)
        let body = try? await response.body.collect(upTo: 1 << 20)
        let data = body.map { Data($0.readableBytesView) } ?? Data()
        if let answer = try? JSONDecoder().decode(OpenAIErrorBody.self, from: data) {
            return .answered(httpStatus: status, answer.error)
        }
        let excerpt = String(decoding: data.prefix(200), as: UTF8.self)
        return .answered(
            httpStatus: status,
            OpenAIErrorBody.Details(
                message: "HTTP \(status), and no word of why from a controller: \(excerpt)", type: "server_error",
                code: nil, param: nil))
    }

    /// One segment of a path: a name may contain slashes.
    static func encoded(_ name: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return name.addingPercentEncoding(withAllowedCharacters: unreserved) ?? name
    }
}
