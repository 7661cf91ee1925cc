import Scheduling

/// One message of a conversation.
struct ChatMessage: Codable, Equatable, Sendable {
    let role: String
    let content: String
}

/// The body of a streamed chat completion.
struct ChatRequest: Encodable, Sendable {
    var model: String
    var messages: [ChatMessage]
    var maxTokens: Int?
    var temperature: Double?

    private struct StreamOptions: Encodable {
        let includeUsage = true
        enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
    }

    enum CodingKeys: String, CodingKey {
        case model, messages, temperature, stream
        case maxTokens = "max_tokens"
        case streamOptions = "stream_options"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(model, forKey: .model)
        try container.encode(messages, forKey: .messages)
        try container.encodeIfPresent(maxTokens, forKey: .maxTokens)
        try container.encodeIfPresent(temperature, forKey: .temperature)
        try container.encode(true, forKey: .stream)
        // The number of tokens comes in the last chunk.
        try container.encode(StreamOptions(), forKey: .streamOptions)
    }
}

/// One chunk of a streamed chat completion, as far as it is shown.
struct ChatChunk: Decodable {
    struct Choice: Decodable { let delta: Delta? }
    struct Delta: Decodable { let content: String? }
    struct Usage: Decodable {
        let completionTokens: Int?
        enum CodingKeys: String, CodingKey { case completionTokens = "completion_tokens" }
    }

    let choices: [Choice]?
    let usage: Usage?
    let error: OpenAIErrorBody.Details?
}
