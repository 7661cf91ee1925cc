/// The fields of OpenAI's requests that this runtime looks at.
struct APIRequest: Decodable {
    var model: String?
    var messages: [Message]?
    var prompt: Prompt?
    var input: Prompt?
    var stream: Bool?
    var streamOptions: StreamOptions?
    var maxTokens: Int?
    var maxCompletionTokens: Int?

    enum CodingKeys: String, CodingKey {
        case model, messages, prompt, input, stream
        case streamOptions = "stream_options"
        case maxTokens = "max_tokens"
        case maxCompletionTokens = "max_completion_tokens"
    }

    struct Message: Decodable {
        var role: String
        var content: Content?
    }

    struct StreamOptions: Decodable {
        var includeUsage: Bool?

        enum CodingKeys: String, CodingKey {
            case includeUsage = "include_usage"
        }
    }

    /// A text, or parts some of which are texts.
    enum Content: Decodable {
        case text(String)
        case parts([Part])

        struct Part: Decodable {
            var text: String?
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .parts(try container.decode([Part].self))
            }
        }

        var text: String {
            switch self {
            case .text(let text): text
            case .parts(let parts): parts.compactMap(\.text).joined(separator: " ")
            }
        }
    }

    /// One or several texts, or the same as token numbers.
    enum Prompt: Decodable {
        case texts([String])
        case tokens([[Int]])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .texts([text])
            } else if let texts = try? container.decode([String].self) {
                self = .texts(texts)
            } else if let tokens = try? container.decode([Int].self) {
                self = .tokens([tokens])
            } else {
                self = .tokens(try container.decode([[Int]].self))
            }
        }

        /// The words of each.
        var words: [[Substring]] {
            switch self {
            case .texts(let texts): texts.map { $0.split(whereSeparator: \.isWhitespace) }
            case .tokens(let lists): lists.map { $0.map { "\($0)"[...] } }
            }
        }
    }

    /// The words of the prompt, or of all messages.
    var words: [Substring] {
        if let messages {
            return messages.flatMap { ($0.content?.text ?? "").split(whereSeparator: \.isWhitespace) }
        }
        return prompt?.words.flatMap { $0 } ?? []
    }
}
