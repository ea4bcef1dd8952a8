"""The texts of the inbox, in both languages."""

from sandbox.kit.payer_pages.language import Text

TITLE = Text("SMS ইনবক্স", "SMS inbox")
REHEARSAL = Text(
    "পরীক্ষামূলক ইনবক্স: পরীক্ষার SMS গেটওয়েতে পাঠানো বার্তা এখানে আসে, কোনো ফোনে যায় না।",
    "Rehearsal inbox: text messages of the simulated gateway arrive here, and on no phone.",
)
OTHER_LANGUAGE = Text("English", "বাংলা")
ERROR = Text("ভুল", "Error")

NUMBER = Text("মোবাইল নম্বর", "Mobile number")
HINT = Text("০১ দিয়ে শুরু ১১ সংখ্যা, +৮৮ সহও চলবে", "11 digits from 01 on, with or without +88")
INVALID = Text("নম্বরটি সঠিক নয়। যেমন ০১৭১২৩৪৫৬৭৮", "This is no mobile number. Try 01712345678")
SHOW = Text("দেখুন", "Show")
ALL_NUMBERS = Text("সব নম্বরের বার্তা", "All numbers")
LOOK_AGAIN = Text("নতুন বার্তা এসেছে কি না দেখুন", "Look for new messages")

ALL_MESSAGES = Text("সব বার্তা", "All messages")
MESSAGES_TO = Text("{number} নম্বরের বার্তা", "Messages to {number}")
COUNT = Text("মোট {count}টি", "{count} in all")
NO_MESSAGE = Text("এখনও কোনো বার্তা আসেনি", "No message has arrived yet")
NOT_FOUND = Text("পাতাটি পাওয়া যায়নি", "There is no such page")
SENDER = Text("প্রেরক", "From")
PARTS = Text("{parts} অংশে পাঠানো", "sent in {parts} parts")
OLDER = Text("আগের বার্তা", "Older messages")
NEWER = Text("পরের বার্তা", "Newer messages")
TIMES = Text("এখানে দেওয়া সময় বাংলাদেশ সময়।", "Times are Bangladesh time.")
