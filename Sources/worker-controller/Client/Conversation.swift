/// What was said so far: each turn is asked with all that came before it.
struct Conversation: Sendable {
    private(set) var messages: [ChatMessage]

    /// - Parameter system: the instruction that stands before all.
    init(system: String?) {
        messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    }

    mutating func ask(_ text: String) {
        messages.append(ChatMessage(role: "user", content: text))
    }

    mutating func hear(_ text: String) {
        messages.append(ChatMessage(role: "assistant", content: text))
    }
}
