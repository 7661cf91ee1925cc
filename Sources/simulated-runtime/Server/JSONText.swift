/// JSON written by hand, because an encoder for each token would cost more than everything else.
enum JSONText {
    /// A JSON string.
    static func string(_ text: some StringProtocol) -> String {
        var json = "\""
        json.reserveCapacity(text.utf8.count + 2)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\n": json += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }

    /// A JSON list of things that are JSON already.
    static func list(_ items: [String]) -> String {
        "[" + items.joined(separator: ",") + "]"
    }
}
