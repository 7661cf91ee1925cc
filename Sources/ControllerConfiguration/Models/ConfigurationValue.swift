/// A value that the controller passes on without knowing it, as JSON.
public enum ConfigurationValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([ConfigurationValue])
    case object([String: ConfigurationValue])
}

extension NodeReader {
    /// The value as JSON would have it; text in quotes is always a string.
    ///
    /// - Parameter budget: how many values may still be made. Aliases of aliases would otherwise make a short file's
    ///   value larger than any memory.
    func value(budget: inout Int) -> ConfigurationValue? {
        budget -= 1
        guard budget >= 0 else {
            // Noted once, not for each value that is left.
            if budget == -1 {
                refuse("\(setting) has too many values in it", "pass a file instead, or drop its aliases")
            }
            return nil
        }
        switch node {
        case .mapping:
            var object: [String: ConfigurationValue] = [:]
            for (key, value) in entries() ?? [] { object[key] = value.value(budget: &budget) }
            return .object(object)
        case .sequence:
            var values: [ConfigurationValue] = []
            for element in list(of: "values") ?? [] {
                guard let value = element.value(budget: &budget) else { return nil }
                values.append(value)
            }
            return .list(values)
        case .scalar, .alias:
            guard !isNull else { return .null }
            if let word = plainText {
                if let value = PlainWord.boolean(word) { return .bool(value) }
                if let number = PlainWord.number(word) { return number }
            }
            return text(mayBeEmpty: true).map(ConfigurationValue.string)
        }
    }
}
