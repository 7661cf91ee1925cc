/// The answer to one chat or text completion: the opening that came with the model's weights, then the prompt's words again and again. A token is a
/// word.
struct Completion {
    enum Kind {
        case chat
        case text
    }

    let kind: Kind
    let id: String
    let created: Int
    let model: String
    let promptTokens: Int
    /// How many tokens the answer has.
    let length: Int
    private let opening: String
    private let words: [Substring]

    init(kind: Kind, number: Int, created: Int, model: String, opening: String, words: [Substring], length: Int) {
        self.kind = kind
        id = (kind == .chat ? "chatcmpl-" : "cmpl-") + String(number)
        self.created = created
        self.model = model
        promptTokens = words.count
        self.length = length
        self.opening = opening + ":"
        self.words = words.isEmpty ? ["nothing"] : words
    }

    /// The text of one token.
    func token(_ index: Int) -> String {
        index == 0 ? opening : " " + words[(index - 1) % words.count]
    }

    /// The whole answer, not streamed.
    var body: String {
        let text = JSONText.string((0..<length).map(token).joined())
        let choice =
            switch kind {
            case .chat: #""message":{"role":"assistant","content":\#(text)}"#
            case .text: #""text":\#(text)"#
            }
        return #"{\#(head(streamed: false)),"choices":[{"index":0,\#(choice),"logprobs":null,"#
            + #""finish_reason":"length"}],"usage":\#(usage)}"#
    }

    /// The event before the first token: in a chat, who speaks.
    var firstEvent: String? {
        kind == .chat ? event(delta: #"{"role":"assistant","content":""}"#, finishReason: "null") : nil
    }

    /// One token.
    func event(of index: Int) -> String {
        let text = JSONText.string(token(index))
        return event(delta: kind == .chat ? #"{"content":\#(text)}"# : text, finishReason: "null")
    }

    /// What follows the last token.
    func lastEvents(includingUsage: Bool) -> String {
        let end = event(delta: kind == .chat ? #"{"content":""}"# : #""""#, finishReason: #""length""#)
        let usage = includingUsage ? #"data: {\#(head(streamed: true)),"choices":[],"usage":\#(usage)}"# + "\n\n" : ""
        return end + usage + "data: [DONE]\n\n"
    }

    private func event(delta: String, finishReason: String) -> String {
        let field = kind == .chat ? "delta" : "text"
        return #"data: {\#(head(streamed: true)),"choices":[{"index":0,"\#(field)":\#(delta),"logprobs":null,"#
            + #""finish_reason":\#(finishReason)}]}"# + "\n\n"
    }

    private func head(streamed: Bool) -> String {
        let object =
            switch kind {
            case .chat: streamed ? "chat.completion.chunk" : "chat.completion"
            case .text: "text_completion"
            }
        return #""id":"\#(id)","object":"\#(object)","created":\#(created),"model":\#(JSONText.string(model))"#
    }

    private var usage: String {
        #"{"prompt_tokens":\#(promptTokens),"total_tokens":\#(promptTokens + length),"completion_tokens":\#(length)}"#
    }
}
