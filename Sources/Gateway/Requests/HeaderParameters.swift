/// A header value with parameters: `form-data; name="model"`, `application/json; charset=utf-8`.
struct HeaderParameters: Equatable {
    /// What stands before the first semicolon, in lower case.
    let value: String
    /// By name in lower case.
    let parameters: [String: String]

    /// Nil where it is not well-formed, or names a parameter twice: two readers might then read two things.
    init?(_ text: some StringProtocol) {
        var rest = text.utf8[...]
        guard let value = Self.take(&rest, until: UInt8(ascii: ";")) else { return nil }
        var parameters: [String: String] = [:]
        while rest.popFirst() != nil {
            guard let name = Self.take(&rest, until: UInt8(ascii: "=")), rest.popFirst() != nil else { return nil }
            let isQuoted = rest.first == UInt8(ascii: "\"")
            let content = isQuoted ? Self.takeQuoted(&rest) : Self.take(&rest, until: UInt8(ascii: ";"))
            guard let content, parameters.updateValue(content, forKey: name.lowercased()) == nil else { return nil }
        }
        self.value = value.lowercased()
        self.parameters = parameters
    }

    /// Everything up to `end`, which stays, without the white space around it.
    private static func take<Bytes: Collection<UInt8>>(_ rest: inout Bytes, until end: UInt8) -> String?
    where Bytes.SubSequence == Bytes {
        let taken = rest.prefix { $0 != end }
        rest = rest[taken.endIndex...]
        let isSpace = { (byte: UInt8) in byte == 32 || byte == 9 }
        var trimmed = Array(taken.drop(while: isSpace))
        while let last = trimmed.last, isSpace(last) { trimmed.removeLast() }
        return trimmed.isEmpty ? nil : String(decoding: trimmed, as: UTF8.self)
    }

    private static func takeQuoted<Bytes: Collection<UInt8>>(_ rest: inout Bytes) -> String?
    where Bytes.SubSequence == Bytes {
        var content: [UInt8] = []
        _ = rest.popFirst()
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                rest = rest.drop { $0 == 32 || $0 == 9 }
                return rest.isEmpty || rest.first == UInt8(ascii: ";") ? String(decoding: content, as: UTF8.self) : nil
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                content.append(escaped)
            default: content.append(byte)
            }
        }
        return nil
    }
}
