import Foundation

/// A chat completion to be streamed, greedily decoded.
package struct ChatRequest: Encodable {
    struct Message: Encodable {
        let role = "user"
        let content: String
    }
    struct StreamOptions: Encodable {
        let includeUsage = true

        enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
    }

    let model: String
    let messages: [Message]
    let maxTokens: Int
    /// Goes on to `maxTokens` whatever the model says; vLLM's own parameter.
    let ignoresEnd: Bool
    let stream = true
    let streamOptions = StreamOptions()
    let temperature = 0

    enum CodingKeys: String, CodingKey {
        case model, messages, stream, temperature
        case maxTokens = "max_tokens"
        case ignoresEnd = "ignore_eos"
        case streamOptions = "stream_options"
    }

    package init(model: String, prompt: String, maxTokens: Int, ignoresEnd: Bool = false) {
        self.model = model
        messages = [Message(content: prompt)]
        self.maxTokens = maxTokens
        self.ignoresEnd = ignoresEnd
    }

    /// The whole HTTP request, on a connection that ends with its answer.
    func bytes(to endpoint: Endpoint) throws -> [UInt8] {
        let body = try JSONEncoder().encode(self)
        let head = """
            POST /v1/chat/completions HTTP/1.1\r
            Host: \(endpoint.host)\r
            Content-Type: application/json\r
            Content-Length: \(body.count)\r
            Connection: close\r
            \r\n
            """
        return Array(head.utf8) + body
    }
}
