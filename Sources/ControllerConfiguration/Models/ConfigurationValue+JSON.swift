import Yams

extension ConfigurationValue: Decodable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let values = try? container.decode([ConfigurationValue].self) {
            self = .list(values)
        } else {
            self = .object(try container.decode([String: ConfigurationValue].self))
        }
    }
}

extension ConfigurationValue {
    /// The value as the file would have it.
    ///
    /// - Parameter style: of text. Settings are words without quotes; what is in quotes is text and nothing else.
    func node(_ style: Node.Scalar.Style) -> Node {
        switch self {
        case .null: Node("null", .implicit, .plain)
        case .bool(let value): Node("\(value)", .implicit, .plain)
        case .integer(let value): Node("\(value)", .implicit, .plain)
        case .number(let value): Node("\(value)", .implicit, .plain)
        case .string(let text): Node(text, .implicit, style)
        case .list(let values): Node(values.map { $0.node(style) })
        case .object(let values):
            Node(
                values.sorted { $0.key < $1.key }.map { key, value in
                    (Node(key, .implicit, .doubleQuoted), value.node(style))
                })
        }
    }
}
