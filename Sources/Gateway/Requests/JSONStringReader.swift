/// Reads one JSON string, from after its opening quote: checks its UTF-8 and its escapes, and keeps what it says.
struct JSONStringReader {
    enum Outcome { case more, ended, bad }

    private enum State {
        case plain
        case escape
        case unicode(digits: Int, value: UInt32)
        /// Inside one character of several bytes: so many to come, the next in this range.
        case character(left: Int, next: ClosedRange<UInt8>)
    }

    private var state = State.plain
    private let limit: Int
    private var kept: [UInt8] = []
    private var isTooLong = false
    private var highSurrogate: UInt32?

    /// - Parameter limit: how many bytes of UTF-8 to keep; a longer string is checked but not kept.
    init(keeping limit: Int = 0) { self.limit = limit }

    /// What the string says; nil if it is longer than what was to be kept.
    var content: String? { isTooLong ? nil : String(decoding: kept, as: UTF8.self) }

    /// Reads up to the closing quote.
    /// - Returns: the index after the last byte that was read.
    mutating func consume(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (end: Int, Outcome) {
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch state {
            case .plain:
                if byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                    // Nearly every byte of a large body comes by here.
                    if !isTooLong { keep(byte) }
                } else if byte == UInt8(ascii: "\"") {
                    endSurrogate()
                    return (index, .ended)
                } else if byte == UInt8(ascii: "\\") {
                    state = .escape
                } else if !beginCharacter(byte) {
                    return (index, .bad)
                }
            case .escape: if !consumeEscape(byte) { return (index, .bad) }
            case .unicode(let digits, let value):
                guard let digit = Self.hexDigit(byte) else { return (index, .bad) }
                let unit = value << 4 | digit
                state = digits == 3 ? .plain : .unicode(digits: digits + 1, value: unit)
                if digits == 3 { keepUnit(unit) }
            case .character(let left, let range):
                guard range.contains(byte) else { return (index, .bad) }
                keep(byte)
                state = left == 1 ? .plain : .character(left: left - 1, next: 0x80...0xBF)
            }
        }
        return (index, .more)
    }

    /// The first byte of a character of several. The ranges are those of Unicode's table of well-formed UTF-8.
    private mutating func beginCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: state = .character(left: 1, next: 0x80...0xBF)
        case 0xE0: state = .character(left: 2, next: 0xA0...0xBF)
        case 0xED: state = .character(left: 2, next: 0x80...0x9F)
        case 0xE1...0xEF: state = .character(left: 2, next: 0x80...0xBF)
        case 0xF0: state = .character(left: 3, next: 0x90...0xBF)
        case 0xF1...0xF3: state = .character(left: 3, next: 0x80...0xBF)
        case 0xF4: state = .character(left: 3, next: 0x80...0x8F)
        default: return false
        }
        keep(byte)
        return true
    }

    private mutating func consumeEscape(_ byte: UInt8) -> Bool {
        state = .plain
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): keep(byte)
        case UInt8(ascii: "b"): keep(0x08)
        case UInt8(ascii: "f"): keep(0x0C)
        case UInt8(ascii: "n"): keep(0x0A)
        case UInt8(ascii: "r"): keep(0x0D)
        case UInt8(ascii: "t"): keep(0x09)
        case UInt8(ascii: "u"): state = .unicode(digits: 0, value: 0)
        default: return false
        }
        return true
    }

    private mutating func keep(_ byte: UInt8) {
        endSurrogate()
        append(byte)
    }

    private mutating func append(_ byte: UInt8) {
        if kept.count < limit { kept.append(byte) } else { isTooLong = true }
    }

    /// Keeps one UTF-16 unit of a `\u` escape; two surrogates in a row are one character.
    private mutating func keepUnit(_ unit: UInt32) {
        if let high = highSurrogate, (0xDC00...0xDFFF).contains(unit) {
            highSurrogate = nil
            keepScalar((high - 0xD800) << 10 + (unit - 0xDC00) + 0x10000)
        } else {
            endSurrogate()
            if (0xD800...0xDBFF).contains(unit) { highSurrogate = unit } else { keepScalar(unit) }
        }
    }

    /// Half a pair alone is no character.
    private mutating func endSurrogate() {
        if highSurrogate != nil {
            highSurrogate = nil
            keepScalar(0xFFFD)
        }
    }

    private mutating func keepScalar(_ value: UInt32) {
        for byte in String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8 { append(byte) }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 48...57: UInt32(byte) - 48
        case 65...70: UInt32(byte) - 55
        case 97...102: UInt32(byte) - 87
        default: nil
        }
    }
}
