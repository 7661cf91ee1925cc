import NIOCore

/// Finds the top-level `"model"` of a JSON object while its bytes come in, and checks the whole document on the way.
///
/// A decoder would build the whole document to give us one string of it, all at once at the end; this one spreads the
/// work over the reads, so that a large body does not hold up the other connections of the event loop. It is strict: a
/// document that it takes and another parser reads differently would be routed wrongly. So a name that stands twice is
/// refused, too.
struct JSONModelScanner {
    enum Failure: Error, Equatable {
        case notJSON
        case notAnObject
        case noModel
        case modelIsNoString
        case twoModels
        case nameTooLong
        case tooDeep
    }

    /// Deeper documents are refused; Python's own reader gives up at about a thousand.
    static let depthLimit = 512
    /// The longest name, in bytes of UTF-8.
    static let nameLimit = 512

    private enum State {
        case value
        case firstKeyOrEnd, key, colon
        case firstElementOrEnd
        case afterValue
        case string
        case number(NumberState)
        case literal(StaticString, Int)
    }

    private enum NumberState { case minus, zero, integer, point, fraction, exponent, exponentSign, exponentDigits }

    /// What the string being read is.
    private enum StringUse { case key, modelValue, other }

    private var state = State.value
    /// One entry for each open object (true) or array (false).
    private var open: [Bool] = []
    private var text = JSONStringReader()
    private var use = StringUse.other
    private var isAtModel = false
    private var model: String?
    private var failure: Failure?

    mutating func consume(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            var index = 0
            while failure == nil, index < bytes.count {
                if case .string = state {
                    index = consumeString(bytes, from: index)
                } else {
                    if !consume(bytes[index]) { fail(.notJSON) }
                    index += 1
                }
            }
        }
    }

    /// The model's name; to be asked when all bytes were consumed.
    func finish() throws(Failure) -> String {
        if let failure { throw failure }
        guard open.isEmpty, case .afterValue = state else { throw .notJSON }
        guard let model else { throw .noModel }
        return model
    }

    private mutating func fail(_ reason: Failure) {
        if failure == nil { failure = reason }
    }

    /// Takes one byte outside of a string; false if it cannot stand there.
    private mutating func consume(_ byte: UInt8) -> Bool {
        switch state {
        case .number(let number): return consumeNumber(byte, number)
        case .literal(let word, let position): return consumeLiteral(byte, word, position)
        default: break
        }
        if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return true }
        switch (state, byte) {
        case (.value, _): return beginValue(byte)
        case (.firstKeyOrEnd, UInt8(ascii: "}")), (.firstElementOrEnd, UInt8(ascii: "]")): return close(byte)
        case (.firstElementOrEnd, _): return beginValue(byte)
        case (.firstKeyOrEnd, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")):
            beginString(.key)
            return true
        case (.colon, UInt8(ascii: ":")):
            state = .value
            return true
        case (.afterValue, UInt8(ascii: ",")):
            guard let isObject = open.last else { return false }
            state = isObject ? .key : .value
            return true
        case (.afterValue, _): return close(byte)
        default: return false
        }
    }

    private mutating func close(_ byte: UInt8) -> Bool {
        guard let isObject = open.popLast(), byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
            return false
        }
        state = .afterValue
        return true
    }

    private mutating func beginValue(_ byte: UInt8) -> Bool {
        let isModel = isAtModel
        isAtModel = false
        switch byte {
        case UInt8(ascii: "\""): beginString(isModel ? .modelValue : .other)
        case UInt8(ascii: "{"):
            open.append(true)
            state = .firstKeyOrEnd
        case UInt8(ascii: "["):
            open.append(false)
            state = .firstElementOrEnd
        case UInt8(ascii: "t"): state = .literal("true", 1)
        case UInt8(ascii: "f"): state = .literal("false", 1)
        case UInt8(ascii: "n"): state = .literal("null", 1)
        case UInt8(ascii: "-"): state = .number(.minus)
        case UInt8(ascii: "0"): state = .number(.zero)
        case UInt8(ascii: "1")...UInt8(ascii: "9"): state = .number(.integer)
        default: return false
        }
        if isModel, byte != UInt8(ascii: "\"") { fail(.modelIsNoString) }
        if open.isEmpty { fail(.notAnObject) }
        if open.first == false { fail(.notAnObject) }
        if open.count > Self.depthLimit { fail(.tooDeep) }
        return true
    }

    private mutating func consumeLiteral(_ byte: UInt8, _ word: StaticString, _ position: Int) -> Bool {
        guard byte == word.utf8Start[position] else { return false }
        state = position + 1 == word.utf8CodeUnitCount ? .afterValue : .literal(word, position + 1)
        return true
    }

    private mutating func consumeNumber(_ byte: UInt8, _ number: NumberState) -> Bool {
        let isDigit = byte >= 48 && byte <= 57
        let isExponent = byte | 0x20 == UInt8(ascii: "e")
        switch (number, isDigit) {
        case (.minus, true): state = .number(byte == 48 ? .zero : .integer)
        case (.integer, true), (.fraction, true), (.exponentDigits, true): break
        case (.point, true): state = .number(.fraction)
        case (.exponent, true), (.exponentSign, true): state = .number(.exponentDigits)
        case (.zero, false) where byte == UInt8(ascii: "."), (.integer, false) where byte == UInt8(ascii: "."):
            state = .number(.point)
        case (.zero, false) where isExponent, (.integer, false) where isExponent, (.fraction, false) where isExponent:
            state = .number(.exponent)
        case (.exponent, false) where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"):
            state = .number(.exponentSign)
        case (.zero, false), (.integer, false), (.fraction, false), (.exponentDigits, false):
            // The number ended before this byte.
            state = .afterValue
            return consume(byte)
        default: return false
        }
        return true
    }

    private mutating func beginString(_ use: StringUse) {
        // Only two strings matter: a key of the outermost object, and the value of `model` there.
        self.use = use
        let limit =
            switch use {
            case .key where open.count == 1: "model".utf8.count
            case .modelValue: Self.nameLimit
            default: 0
            }
        text = JSONStringReader(keeping: limit)
        state = .string
    }

    private mutating func consumeString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let (end, outcome) = text.consume(bytes, from: start)
        switch outcome {
        case .more: break
        case .bad: fail(.notJSON)
        case .ended: endString()
        }
        return end
    }

    private mutating func endString() {
        switch use {
        case .key:
            state = .colon
            guard open.count == 1, text.content == "model" else { return }
            if model != nil { fail(.twoModels) }
            isAtModel = true
        case .modelValue:
            state = .afterValue
            model = text.content
            if model == nil { fail(.nameTooLong) }
        case .other: state = .afterValue
        }
    }
}
