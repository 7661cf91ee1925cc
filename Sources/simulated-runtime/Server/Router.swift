import Foundation
import NIOCore
import NIOHTTP1

/// Requests to replies, without any I/O.
struct Router {
    private static let standardLength = 16
    private static let embeddingSize = 8

    let engine: ServedEngine

    /// - Parameter number: of the request, for its id.
    func reply(to head: HTTPRequestHead, body: ByteBuffer, number: Int) -> Reply {
        let path = head.uri.prefix { $0 != "?" }
        switch (head.method, path) {
        case (.GET, "/health"): return .whole(status: .ok, json: "")
        case (.GET, "/v1/models"): return models()
        case (.POST, "/v1/chat/completions"): return decoded(body) { complete($0, .chat, number) }
        case (.POST, "/v1/completions"): return decoded(body) { complete($0, .text, number) }
        case (.POST, "/v1/embeddings"): return decoded(body, embed)
        case (.POST, "/tokenize"): return decoded(body, tokenize)
        case (_, "/health"), (_, "/v1/models"), (_, "/v1/chat/completions"), (_, "/v1/completions"),
            (_, "/v1/embeddings"), (_, "/tokenize"):
            return .whole(status: .methodNotAllowed, json: #"{"detail":"Method Not Allowed"}"#)
        default:
            return .whole(status: .notFound, json: #"{"detail":"Not Found"}"#)
        }
    }

    private func decoded(_ body: ByteBuffer, _ reply: (APIRequest) -> Reply) -> Reply {
        let request: APIRequest
        do {
            request = try JSONDecoder().decode(APIRequest.self, from: Data(body.readableBytesView))
        } catch {
            return .badRequest("The body is not the JSON of such a request: \(error)")
        }
        if let model = request.model, !engine.names.contains(model) {
            return .error(.notFound, "NotFoundError", "The model `\(model)` does not exist.")
        }
        switch engine.vitals.service {
        case .asleep: return .error(.internalServerError, "InternalServerError", "The engine is asleep.")
        case .parked: return .error(.internalServerError, "InternalServerError", "The engine is parked.")
        case .none, .ready:
            engine.tookRequest()
            return reply(request)
        }
    }

    private func complete(_ request: APIRequest, _ kind: Completion.Kind, _ number: Int) -> Reply {
        switch kind {
        case .chat where request.messages == nil: return .badRequest("'messages' is missing")
        case .text where request.prompt == nil: return .badRequest("'prompt' is missing")
        default: break
        }
        let words = request.words
        let length = request.maxCompletionTokens ?? request.maxTokens ?? Self.standardLength
        guard length >= 1 else { return .badRequest("max_tokens must be at least 1, got \(length).") }
        guard words.count <= engine.contextLength, length <= engine.contextLength - words.count else {
            return .badRequest(
                "This model's maximum context length is \(engine.contextLength) tokens. However, you requested "
                    + "\(length) output tokens and your prompt contains \(words.count) input tokens.")
        }
        let completion = Completion(
            kind: kind, number: number, created: engine.created, model: request.model ?? engine.names[0],
            opening: engine.weights.opening, words: words, length: length)
        guard request.stream == true else { return .completion(completion) }
        return .stream(completion, includesUsage: request.streamOptions?.includeUsage == true)
    }

    private func embed(_ request: APIRequest) -> Reply {
        guard let inputs = request.input?.words else { return .badRequest("'input' is missing") }
        let data = inputs.enumerated().map { index, words in
            let vector = (0..<Self.embeddingSize).map { place in
                // Between -1 and 1, the same for the same words.
                "\(Double(Self.hash(words, seed: UInt64(place)) % 2001) / 1000 - 1)"
            }
            return #"{"object":"embedding","index":\#(index),"embedding":\#(JSONText.list(vector))}"#
        }
        let tokens = inputs.reduce(0) { $0 + $1.count }
        let model = JSONText.string(request.model ?? engine.names[0])
        return .whole(
            status: .ok,
            json: #"{"object":"list","model":\#(model),"data":\#(JSONText.list(data)),"#
                + #""usage":{"prompt_tokens":\#(tokens),"total_tokens":\#(tokens)}}"#)
    }

    private func tokenize(_ request: APIRequest) -> Reply {
        guard request.prompt != nil || request.messages != nil else { return .badRequest("'prompt' is missing") }
        let tokens = request.words.map { String(Self.hash([$0], seed: 0) % 50_000) }
        return .whole(
            status: .ok,
            json: #"{"count":\#(tokens.count),"max_model_len":\#(engine.contextLength),"#
                + #""tokens":\#(JSONText.list(tokens))}"#)
    }

    private func models() -> Reply {
        let models = engine.names.map { name in
            #"{"id":\#(JSONText.string(name)),"object":"model","created":\#(engine.created),"owned_by":"simulated","#
                + #""root":\#(JSONText.string(engine.path)),"max_model_len":\#(engine.contextLength)}"#
        }
        return .whole(status: .ok, json: #"{"object":"list","data":\#(JSONText.list(models))}"#)
    }

    /// FNV-1a.
    private static func hash(_ words: [Substring], seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in words.joined(separator: " ").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash
    }
}
